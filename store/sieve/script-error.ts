/** A place in a script, counted from 1; columns are UTF-16 code units. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** Why a script is none, or why it stopped: what a user reads. */
export interface ScriptError extends Position {
  readonly message: string;
}

/** Ends lexing or parsing: after a syntax error nothing else can be understood. */
export class SyntaxFault extends Error {
  override readonly name = 'SyntaxFault';
  readonly at: Position;

  constructor(message: string, at: Position) {
    super(message);
    this.at = at;
  }
}

/** Ends a run (RFC 5228 §2.10.6): the message is kept, and the user told. */
export class RuntimeFault extends Error {
  override readonly name = 'RuntimeFault';
  readonly at: Position | undefined;

  constructor(message: string, at?: Position) {
    super(message);
    this.at = at;
  }
}
