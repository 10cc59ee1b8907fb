/** RFC 5804 §1.3: the codes that are sent, without their parentheses. */
export type SieveCode =
  | 'ACTIVE'
  | 'ALREADYEXISTS'
  | 'ENCRYPT-NEEDED'
  | 'NONEXISTENT'
  | 'QUOTA'
  | 'QUOTA/MAXSCRIPTS'
  | 'QUOTA/MAXSIZE'
  | 'TRYLATER'
  | 'WARNINGS';

/** How a command ended. */
export interface SieveCompletion {
  readonly status: 'OK' | 'NO' | 'BYE';
  readonly code?: SieveCode | { readonly tag: string } | undefined;
  readonly text: string;
}

export function ok(text: string, code?: SieveCompletion['code']): SieveCompletion {
  return { status: 'OK', code, text };
}

export function no(text: string, code?: SieveCode): SieveCompletion {
  return { status: 'NO', code, text };
}

export function bye(text: string, code?: SieveCode): SieveCompletion {
  return { status: 'BYE', code, text };
}

/** RFC 5804 §4: quoted up to 1,024 octets without line ends, else a literal. */
export function formatString(text: string): Buffer {
  const octets = Buffer.from(text, 'utf8');
  if (octets.length <= 1000 && !/[\0\r\n]/.test(text)) {
    return Buffer.from(`"${text.replace(/["\\]/g, '\\$&')}"`, 'utf8');
  }
  return Buffer.concat([Buffer.from(`{${octets.length}}\r\n`), octets]);
}

/** The line that ends a response, without its CRLF. */
export function formatCompletion({ status, code, text }: SieveCompletion): Buffer {
  const parts: Buffer[] = [Buffer.from(status)];
  if (typeof code === 'string') parts.push(Buffer.from(` (${code})`));
  else if (code !== undefined) parts.push(Buffer.from(' (TAG '), formatString(code.tag), Buffer.from(')'));
  parts.push(Buffer.from(' '), formatString(text));
  return Buffer.concat(parts);
}
