import type { ArgumentReader } from './lexer.ts';

/** Arguments of LIST in its basic and its extended form (RFC 9051 §6.3.9, RFC 5258). */
export interface ListArguments<Item> {
  /** Whether it is the extended form: with selection options, several patterns or RETURN. */
  readonly extended: boolean;
  /** SUBSCRIBED, REMOTE, RECURSIVEMATCH, SPECIAL-USE. */
  readonly selection: ReadonlySet<string>;
  /** latin1 octets. */
  readonly reference: string;
  readonly patterns: readonly string[];
  /** SUBSCRIBED, CHILDREN, SPECIAL-USE, MYRIGHTS. */
  readonly returning: ReadonlySet<string>;
  /** RETURN (STATUS (…)) of RFC 5819; undefined when not asked for. */
  readonly status: readonly Item[] | undefined;
}

const SELECTION = new Set(['SUBSCRIBED', 'REMOTE', 'RECURSIVEMATCH', 'SPECIAL-USE']);
const RETURN = new Set(['SUBSCRIBED', 'CHILDREN', 'SPECIAL-USE', 'STATUS', 'MYRIGHTS']);
const MAX_PATTERNS = 100;

/** What follows `LIST`, the space included; `readStatusItems` reads the list after STATUS. */
export function readListArguments<Item>(
  args: ArgumentReader,
  readStatusItems: (args: ArgumentReader) => Item[],
): ListArguments<Item> {
  args.space();
  let extended = false;
  const selection = new Set<string>();
  if (args.peek() === '(') {
    extended = true;
    args.require('LIST-EXTENDED', 'argument');
    for (const option of args.list(() => readOption(args, SELECTION))) selection.add(option);
    // RFC 5258 §3: RECURSIVEMATCH modifies a base option and needs one.
    if (selection.has('RECURSIVEMATCH') && !selection.has('SUBSCRIBED') && !selection.has('SPECIAL-USE')) {
      args.fail('RECURSIVEMATCH needs another selection option');
    }
    args.space();
  }
  const reference = args.astring();
  args.space();
  let patterns: string[];
  if (args.peek() === '(') {
    extended = true;
    args.require('LIST-EXTENDED', 'argument');
    patterns = args.list(() => args.listMailbox(), true);
    if (patterns.length > MAX_PATTERNS) args.fail('too many patterns');
  } else {
    patterns = [args.listMailbox()];
  }
  const returning = new Set<string>();
  let status: Item[] | undefined;
  if (!args.atEnd) {
    extended = true;
    args.require('LIST-EXTENDED', 'argument');
    args.expect(' RETURN ');
    args.list(() => {
      const option = readOption(args, RETURN);
      if (option === 'STATUS') {
        args.space();
        status = readStatusItems(args);
      } else {
        returning.add(option);
      }
    });
  }
  return { extended, selection, reference, patterns, returning, status };
}

/** Capabilities beside LIST-EXTENDED that bring an option (RFC 3348, 6154, 5819, 8440). */
const BROUGHT_BY: Readonly<Record<string, string>> = {
  CHILDREN: 'CHILDREN',
  'SPECIAL-USE': 'SPECIAL-USE',
  STATUS: 'LIST-STATUS',
  MYRIGHTS: 'LIST-MYRIGHTS',
};

function readOption(args: ArgumentReader, known: ReadonlySet<string>): string {
  const option = args.keyword();
  const bringer = BROUGHT_BY[option];
  if (bringer !== undefined) args.require(bringer, `option ${option}`);
  return known.has(option) ? option : args.fail(`unknown option ${option}`);
}
