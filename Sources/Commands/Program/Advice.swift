// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Errors

/// What a user can do next about an error, where there is something.
///
/// Drivers and jobs say what is wrong in words that scripts know; what follows from it for somebody at a command
/// line is gathered here.
enum Advice {
  /// One or two sentences, or nil.
  static func text(for error: BlockError) -> String? {
    for rule in rules where rule.kinds.isEmpty || rule.kinds.contains(error.kind) {
      if rule.parts.allSatisfy({ error.message.contains($0) }) { return rule.advice }
    }
    return nil
  }

  private struct Rule {
    /// The kinds that it is for; any where there are none.
    let kinds: [BlockError.Kind]
    /// What the message must contain.
    let parts: [String]
    let advice: String

    init(_ kinds: BlockError.Kind..., saying parts: String..., advice: String) {
      self.kinds = kinds
      self.parts = parts
      self.advice = advice
    }
  }

  /// The first that fits counts.
  private static let rules: [Rule] = [
    Rule(
      .conflict, saying: "Failed to get shared", " lock",
      advice: "Wait for the other program to end, or read the image while it changes with -U (--force-share)."
    ),
    Rule(
      .conflict, saying: "Failed to get ", " lock",
      advice: "End the other program first: an image that two programs write is lost."),
    Rule(
      .notFound, saying: "Could not open backing file",
      advice: "Where the backing file was moved, 'rebase -u -b NEW -F FORMAT FILE' writes its new name; "
        + "'info FILE' shows the present one."),
    Rule(
      .notFound, saying: "Could not open new backing file",
      advice: "The name is relative to the folder of the image, not to the working folder."),
    Rule(
      .invalidArgument, saying: "Backing file specified without backing format",
      advice: "State the format of the backing file with -F."),
    Rule(
      .invalidArgument, saying: "requires explicit backing format",
      advice: "State the format of the backing file with -F."),
    Rule(
      saying: "Invalid password",
      advice:
        "The secret opens no key slot. Mind that a line feed at the end of a secret's file is part of it."),
    Rule(
      saying: "No secret with id",
      advice: "Define it with --object secret,id=ID,file=PATH."),
    Rule(
      .noSpace, saying: "needs at least",
      advice: "Make room, name a place on another file system, compress with -c, or start all the same with "
        + "--force."),
    Rule(
      .noSpace,
      advice: "Make room, or name a place on another file system; 'measure' tells how much is needed."),
    Rule(
      saying: "Could not write", "No space left",
      advice: "Make room, or name a place on another file system; 'measure' tells how much is needed."),
    Rule(
      saying: "Image is not in ", " format",
      advice: "Without a stated format, the content is looked at; 'inspect FILE' tells what it looks like."),
    Rule(
      .corrupt, saying: "cannot be opened read/write",
      advice: "'check -r all FILE' repairs what can be repaired; work on a copy."),
    Rule(
      .corrupt, saying: "Image is corrupt",
      advice: "'check FILE' lists the damage; 'convert --salvage' copies what can still be read."),
    Rule(
      .refused, saying: "which is not followed",
      advice: "Without --untrusted it is followed. 'inspect FILE' lists what an image refers to."),
    Rule(
      .refused, saying: "guessed raw",
      advice: "If it is a raw disk, say so with the option for its format, such as -f raw."),
    Rule(
      .accessDenied, saying: "Permission denied",
      advice: "Ask its owner, or run the command as a user who may."),
    Rule(
      saying: "Unknown file format", advice: "'formats' lists the formats."),
    Rule(
      .notFound, saying: "Unknown driver", advice: "'formats' lists the formats."),
  ]
}
