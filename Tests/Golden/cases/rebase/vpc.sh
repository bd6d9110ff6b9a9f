# beyond the peer: it has no parents of such images
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

blank a.raw 6M
pattern a.raw 0 3M 7
run strata convert -f raw -O vpc a.raw base.vpc
pattern a.raw 4M 1000 8
run strata convert -f raw -O vpc a.raw other.vpc
run strata create -f vpc -b base.vpc -F vpc child.vpc
run strata bench -w -c 3 -d 1 -s 512 -o 1536 -S 2M --pattern 9 -q child.vpc
run strata convert -O raw child.vpc wanted.raw
run strata map child.vpc
run strata check child.vpc
note 'the name alone: the parent has to be the same'
run strata rebase -u -b other.vpc -F vpc child.vpc
run strata info child.vpc
run strata info --backing-chain child.vpc
run strata rebase -u -b base.vpc -F vpc child.vpc
run strata compare child.vpc wanted.raw
note 'another parent'
run strata rebase -b other.vpc -F vpc child.vpc
run strata compare child.vpc wanted.raw
run strata info --backing-chain child.vpc
run strata check child.vpc
note 'of another format, or not to be stated'
run strata rebase -b wanted.raw -F raw child.vpc
run strata rebase -u -b 'a\b.vpc' -F vpc child.vpc
run strata compare child.vpc wanted.raw
note 'none, and one again'
run strata rebase -b '' child.vpc
run strata info child.vpc
run strata compare child.vpc wanted.raw
run strata check child.vpc
run strata rebase -b base.vpc -F vpc child.vpc
run strata compare child.vpc wanted.raw
run strata check child.vpc
run strata resize child.vpc 300G
run strata check child.vpc
run strata info child.vpc
run strata resize --shrink child.vpc 6M
run strata compare child.vpc wanted.raw
run strata commit child.vpc
run strata compare base.vpc wanted.raw
run strata check base.vpc
run strata check child.vpc
run strata map --output=json child.vpc
note 'parents elsewhere'
mkdir below
run strata create -f vpc -b below/p.vpc -F vpc x.vpc
cp base.vpc below/p.vpc
run strata create -f vpc -b below/p.vpc -F vpc x.vpc
run strata compare x.vpc base.vpc
run strata create -f vpc -b ../base.vpc -F vpc below/y.vpc
run strata info below/y.vpc
run strata compare below/y.vpc base.vpc
run strata compare --references=any below/y.vpc base.vpc
mv below/p.vpc p.vpc
run strata compare x.vpc base.vpc
rm p.vpc
ln -s base.vpc p.vpc
run strata compare x.vpc base.vpc
run strata create -f vpc -b x.vpc -F vpc z.vpc
mv z.vpc x.vpc
run strata info --backing-chain x.vpc
run strata convert -O raw x.vpc out.raw
