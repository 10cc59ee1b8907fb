/** RFC 9051 §7.1.5: the session has to end with BYE and this text. */
export class Goodbye extends Error {
  override readonly name = 'Goodbye';
  readonly code: string | undefined;

  /** @param code response code without brackets */
  constructor(text: string, code?: string) {
    super(text);
    this.code = code;
  }
}
