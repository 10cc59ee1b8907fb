import type { Action, Condition, Rule } from './rule.ts';

/** Each rule stands in the script as a comment too, by which it is read back: `# rule: {…}`. */
const HEAD = '# Made by the filter rules of webmail; what is changed by hand is lost when a rule is changed there.';
const MARK = '# rule: ';

/** RFC 5228 §2.4.2: within quotes `"` and `\` alone are quoted. A control belongs to no name and no text that is compared. */
const text = (value: string): string =>
  `"${value.replaceAll(/[\x00-\x1f\x7f]+/g, ' ').replaceAll(/(["\\])/g, '\\$1')}"`;

const HEADERS = {
  from: ['From'],
  to: ['To'],
  cc: ['Cc'],
  recipients: ['To', 'Cc'],
  list: ['List-Id'],
  subject: ['Subject'],
};

const FLAGGING: ReadonlySet<Action['kind']> = new Set(['flag', 'read', 'label']);

/** The rules as a Sieve script (RFC 5228). */
export function compileRules(rules: readonly Rule[]): string {
  const needed = new Set<string>();
  const blocks = rules.map((rule) => {
    // JSON of one line; nothing in it ends a comment.
    const mark = `${MARK}${JSON.stringify(rule).replaceAll('\x7f', '\\u007f')}`;
    if (!rule.enabled || rule.conditions.length === 0 || rule.actions.length === 0) return mark;
    const tests = rule.conditions.map((each) => testOf(each, needed));
    const test = tests.length === 1 ? tests[0] : `${rule.match === 'all' ? 'allof' : 'anyof'} (${tests.join(',\n  ')})`;
    // RFC 5232 §4: what is filed gets the flags that were set before.
    const actions = [...rule.actions].sort((a, b) => Number(FLAGGING.has(b.kind)) - Number(FLAGGING.has(a.kind)));
    const commands = actions.map((each) => commandOf(each, needed));
    if (rule.stop) commands.push('stop;');
    return `${mark}\nif ${test} {\n${commands.map((each) => `  ${each}`).join('\n')}\n}`;
  });
  const require = needed.size === 0 ? [] : [`require [${[...needed].sort().map(text).join(', ')}];`];
  return `${[HEAD, ...require, ...blocks].join('\n\n')}\n`;
}

function testOf({ field, comparison, value }: Condition, needed: Set<string>): string {
  if (field === 'size') {
    const kilobytes = Math.max(1, Math.round(Number(value.replace(',', '.')) * 1_024)) || 1;
    return `size :${comparison === 'under' ? 'under' : 'over'} ${kilobytes}K`;
  }
  const not = comparison === 'not-contains' ? 'not ' : '';
  const [match, key] = matchOf(comparison, value);
  if (field === 'body') {
    needed.add('body');
    return `${not}body :text ${match} ${text(key)}`;
  }
  const names = HEADERS[field].map(text);
  return `${not}header ${match} ${names.length === 1 ? names[0] : `[${names.join(', ')}]`} ${text(key)}`;
}

/** RFC 5228 §2.7.1: `*` and `?` of the user's are themselves. */
function matchOf(comparison: Condition['comparison'], value: string): [match: string, key: string] {
  const wild = value.replaceAll(/([*?\\])/g, '\\$1');
  switch (comparison) {
    case 'is':
      return [':is', value];
    case 'begins':
      return [':matches', `${wild}*`];
    case 'ends':
      return [':matches', `*${wild}`];
    default:
      return [':contains', value];
  }
}

function commandOf({ kind, value }: Action, needed: Set<string>): string {
  switch (kind) {
    case 'move':
      needed.add('fileinto').add('mailbox');
      return `fileinto :create ${text(value)};`;
    case 'copy':
      needed.add('fileinto').add('mailbox').add('copy');
      return `fileinto :copy :create ${text(value)};`;
    case 'flag':
      needed.add('imap4flags');
      return 'addflag "\\\\Flagged";';
    case 'read':
      needed.add('imap4flags');
      return 'addflag "\\\\Seen";';
    case 'label':
      needed.add('imap4flags');
      return `addflag ${text(value)};`;
    case 'forward':
      needed.add('copy');
      return `redirect :copy ${text(value)};`;
    case 'delete':
      return 'discard;';
  }
}

/** The rules of a script that {@link compileRules} made; undefined when it is another's, or was changed by hand. */
export function readRules(script: string): readonly Rule[] | undefined {
  if (script.trim() === '') return [];
  const rules: Rule[] = [];
  for (const line of script.split('\n')) {
    if (!line.startsWith(MARK)) continue;
    try {
      rules.push(JSON.parse(line.slice(MARK.length)) as Rule);
    } catch {
      return undefined;
    }
  }
  // Whoever wrote by hand wrote something else than the rules say.
  try {
    return compileRules(rules).trim() === script.replaceAll('\r\n', '\n').trim() ? rules : undefined;
  } catch {
    return undefined;
  }
}
