/** What a script may cost; RFC 5228 §10 asks for such limits. All are bounds of one run over one message. */
export interface SieveLimits {
  /** Octets of a script's text. */
  readonly maxScriptBytes: number;
  /** Depth of blocks, and of tests in tests. */
  readonly maxNesting: number;
  /** Commands and tests of a script. */
  readonly maxNodes: number;
  /** Errors that are told at once. */
  readonly maxErrors: number;
  /** Commands and tests that one run may evaluate. */
  readonly maxSteps: number;
  /** Work of comparing texts in one run, roughly in characters looked at: a bound of its time. */
  readonly maxWork: number;
  /** Actions of one run, redirects among them. */
  readonly maxActions: number;
  readonly maxRedirects: number;
  readonly maxNotifications: number;
  /** RFC 5229 §6 wants 128 variables of 4,000 characters at least. */
  readonly maxVariables: number;
  readonly maxStringLength: number;
  /** Depth of `include` (RFC 6609 §3.1), and scripts of one run. */
  readonly maxIncludeDepth: number;
  readonly maxIncludes: number;
  /** Octets of a message's body that tests look at, decoded. */
  readonly maxBodyBytes: number;
  /** Characters of a regular expression, and of what it is held against. */
  readonly maxPatternLength: number;
  readonly maxPatternInput: number;
  /** Header fields of one message that `addheader` and `deleteheader` may change. */
  readonly maxHeaderEdits: number;
}

export const DEFAULT_LIMITS: SieveLimits = {
  maxScriptBytes: 262_144,
  maxNesting: 32,
  maxNodes: 20_000,
  maxErrors: 20,
  maxSteps: 100_000,
  maxWork: 100_000_000,
  maxActions: 50,
  maxRedirects: 5,
  maxNotifications: 5,
  maxVariables: 128,
  maxStringLength: 16_384,
  maxIncludeDepth: 10,
  maxIncludes: 50,
  maxBodyBytes: 1_048_576,
  maxPatternLength: 1_000,
  maxPatternInput: 65_536,
  maxHeaderEdits: 50,
};
