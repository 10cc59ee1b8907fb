import type { Run } from './run.ts';

/** A string of a script: what it is, or how its variables are expanded when control reaches it (RFC 5229 §3). */
export type Text = string | ((run: Run) => string);

export function textOf(run: Run, text: Text): string {
  return typeof text === 'string' ? text : text(run);
}

export function textsOf(run: Run, texts: readonly Text[]): readonly string[] {
  return texts.every((text) => typeof text === 'string') ? (texts as string[]) : texts.map((text) => textOf(run, text));
}

export function areConstant(texts: readonly Text[]): texts is readonly string[] {
  return texts.every((text) => typeof text === 'string');
}

/** RFC 5229 §3: variable-ref; match variables are numbers. */
const REFERENCE = /\$\{((?:[a-z_][a-z0-9_]*\.)*[a-z_][a-z0-9_]*|\d{1,10})\}/gi;
export const VARIABLE_NAME = /^[a-z_][a-z0-9_]*$/i;
/** RFC 5229 §6: numbers above this are a syntax error. */
const MAX_MATCH_VARIABLE = 32;

/** What stands in the way of a string's references. */
export type TextFault = (message: string) => void;

/** Compiles the variable references of a string; `include` allows the namespace `global` (RFC 6609 §3.4.2). */
export function withVariables(literal: string, allowGlobal: boolean, fault: TextFault): Text {
  if (!literal.includes('${')) return literal;
  const pieces: Text[] = [];
  let from = 0;
  for (const match of literal.matchAll(REFERENCE)) {
    const name = (match[1] as string).toLowerCase();
    const piece = reference(name, allowGlobal, fault);
    if (match.index > from) pieces.push(literal.slice(from, match.index));
    pieces.push(piece);
    from = match.index + match[0].length;
  }
  if (pieces.length === 0) return literal;
  if (from < literal.length) pieces.push(literal.slice(from));
  return (run) => {
    let out = '';
    for (const piece of pieces) {
      out += textOf(run, piece);
      if (out.length > run.limits.maxStringLength) return run.cut(out);
    }
    return out;
  };
}

function reference(name: string, allowGlobal: boolean, fault: TextFault): Text {
  if (/^\d/.test(name)) {
    const index = Number(name);
    if (index > MAX_MATCH_VARIABLE) fault(`there is no match variable ${name}`);
    return (run) => run.frame.matched[index] ?? '';
  }
  if (!name.includes('.')) return (run) => run.variable(name);
  const [namespace, ...rest] = name.split('.');
  const variable = rest.join('.');
  if (namespace !== 'global' || !allowGlobal || rest.length !== 1) fault(`unknown namespace in \${${name}}`);
  return (run) => run.globals.get(variable) ?? '';
}

const ENCODED = /\$\{(hex|unicode):([^}]*)\}/gi;

/** RFC 5228 §2.4.2.4: `${hex:40}` and `${unicode:40}`; what is no such reference stays as it is. */
export function decodeEncodedCharacters(text: string, fault: TextFault): string {
  if (!text.includes('${')) return text;
  let octets = false;
  const decoded = text.replace(ENCODED, (whole, form: string, digits: string) => {
    const words = digits.trim().split(/\s+/);
    if (form.toLowerCase() === 'hex') {
      if (!words.every((word) => /^[0-9a-f]{1,2}$/i.test(word))) return whole;
      octets = true;
      // Octets are marked until all are there: several of them may make one character.
      return words.map((word) => String.fromCharCode(0xf700 + Number.parseInt(word, 16))).join('');
    }
    if (!words.every((word) => /^[0-9a-f]{1,6}$/i.test(word))) return whole;
    return words
      .map((word) => {
        const code = Number.parseInt(word, 16);
        if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) {
          fault(`there is no character ${word}`);
          return '';
        }
        return String.fromCodePoint(code);
      })
      .join('');
  });
  if (!octets) return decoded;
  return decoded.replace(/[\uf700-\uf7ff]+/g, (run) =>
    Buffer.from(Array.from(run, (c) => c.charCodeAt(0) - 0xf700)).toString('utf8'),
  );
}
