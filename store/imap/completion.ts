/** The tagged response that ends a command (RFC 9051 §7.1). */
export interface Completion {
  readonly status: 'OK' | 'NO' | 'BAD';
  /** Response code without its brackets: `TRYCREATE`, `COPYUID 1 2 3`. */
  readonly code?: string | undefined;
  readonly text: string;
}

export const ok = (text: string, code?: string): Completion => ({ status: 'OK', code, text });
export const no = (code: string | undefined, text: string): Completion => ({ status: 'NO', code, text });
export const bad = (text: string, code?: string): Completion => ({ status: 'BAD', code, text });

/** `OK [CODE] text` without the tag. */
export function formatCompletion(completion: Completion): string {
  const code = completion.code === undefined ? '' : `[${completion.code}] `;
  return `${completion.status} ${code}${completion.text}`;
}
