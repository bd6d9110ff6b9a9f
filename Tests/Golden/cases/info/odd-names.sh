# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# Names that need care in text and in JSON.
for name in 'two words' 'quo"te' "apo'strophe" 'back\slash' 'percent%s' 'ümlaut' -- -dash; do
  [[ $name == -- ]] && continue
  truncate -s 1M -- "./$name"
  run strata info -f raw --output=json "./$name"
  run strata info -f raw "./$name"
done
run strata info -f raw -- -dash
run strata info './no"such'
