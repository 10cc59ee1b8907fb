import { RE2JS } from 're2js';

/** A compiled extended regular expression (draft-ietf-sieve-regex), matched in time linear in the text whatever it says. */
export interface RegularExpression {
  /** Whole match, then groups (empty where a group took no part); undefined if it is not found anywhere in the text. */
  match(text: string): string[] | undefined;
  /** Octets of work for each character of a text, as an upper bound. */
  readonly size: number;
}

/** Instructions of a compiled expression: bounded, because counted repetitions multiply. */
const MAX_PROGRAM_SIZE = 2_000;

/**
 * Compiles a POSIX extended regular expression; of several matches the leftmost, and of those the longest counts. The engine simulates
 * an automaton and never tries again, so that no pattern explodes. Returns why it is none.
 */
export function compileRegularExpression(pattern: string, ignoreCase: boolean): RegularExpression | string {
  let compiled: RE2JS;
  try {
    const flags = RE2JS.LONGEST_MATCH | RE2JS.DOTALL | (ignoreCase ? RE2JS.CASE_INSENSITIVE : 0);
    compiled = RE2JS.compile(withLiteralBackslashes(pattern), flags);
  } catch (error) {
    return error instanceof Error ? error.message.replace(/^error parsing regexp: /, '') : String(error);
  }
  const size = compiled.programSize();
  if (size > MAX_PROGRAM_SIZE) return 'it is too large';
  return {
    size,
    match(text: string) {
      const matcher = compiled.matcher(text);
      if (!matcher.find()) return undefined;
      const groups: string[] = [];
      for (let n = 0; n <= matcher.groupCount(); n++) groups.push(matcher.group(n) ?? '');
      return groups;
    },
  };
}

/** POSIX: within brackets a backslash is a character like others. */
function withLiteralBackslashes(pattern: string): string {
  let out = '';
  let inBrackets = false;
  for (let i = 0; i < pattern.length; i++) {
    const c = pattern[i] as string;
    if (inBrackets) {
      if (c === '[' && ':.='.includes(pattern[i + 1] ?? ' ')) {
        const end = pattern.indexOf(`${pattern[i + 1]}]`, i + 2);
        if (end > 0) {
          out += pattern.slice(i, end + 2);
          i = end + 1;
          continue;
        }
      }
      if (c === ']') inBrackets = false;
      out += c === '\\' || c === '[' ? `\\${c}` : c;
    } else if (c === '\\') {
      out += c + (pattern[++i] ?? '');
    } else if (c === '[') {
      inBrackets = true;
      out += c;
      if (pattern[i + 1] === '^') out += pattern[++i];
      // A bracket that comes first is itself.
      if (pattern[i + 1] === ']') {
        out += '\\]';
        i++;
      }
    } else {
      out += c;
    }
  }
  return out;
}
