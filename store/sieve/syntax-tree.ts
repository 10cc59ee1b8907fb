import type { Position } from './script-error.ts';

/** A string as it was written, and where. */
export interface StringLiteral {
  readonly text: string;
  readonly at: Position;
}

export type Argument =
  | { readonly kind: 'tag'; readonly name: string; readonly at: Position }
  | { readonly kind: 'number'; readonly value: number; readonly at: Position }
  /** RFC 5228 §2.4.2.1: a single string is a list of one; `bracketed` tells whether it was written as a list. */
  | {
      readonly kind: 'strings';
      readonly values: readonly StringLiteral[];
      readonly bracketed: boolean;
      readonly at: Position;
    };

/** A command or a test (RFC 5228 §8.2): the grammar is the same, but that a command ends with a semicolon or a block. */
export interface SyntaxNode {
  /** In lower case. */
  readonly name: string;
  readonly at: Position;
  readonly arguments: readonly Argument[];
  readonly tests: readonly SyntaxNode[];
  /** The tests stood in parentheses. */
  readonly isTestList: boolean;
  /** Undefined: it ended with a semicolon, or is a test. */
  readonly block: readonly SyntaxNode[] | undefined;
}
