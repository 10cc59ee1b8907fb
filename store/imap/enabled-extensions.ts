/** Extensions that ENABLE (RFC 5161), or a command that shows that the client knows them, switched on; upper-cased. */
export class EnabledExtensions extends Set<string> {
  /** IMAP4rev2: no \Recent, ESEARCH in place of SEARCH (RFC 9051 appendix E). */
  get rev2(): boolean {
    return this.has('IMAP4REV2');
  }

  /** Whether mailbox names and other text travel in UTF-8 (IMAP4rev2, UTF8=ACCEPT). */
  get utf8(): boolean {
    return this.rev2 || this.has('UTF8=ACCEPT');
  }

  /** The client wants mod-sequences with every change of flags (RFC 7162 §3.1). */
  get condstore(): boolean {
    return this.has('CONDSTORE') || this.qresync;
  }

  get qresync(): boolean {
    return this.has('QRESYNC');
  }

  /** RFC 9586: neither side names messages by sequence number any more. */
  get uidOnly(): boolean {
    return this.has('UIDONLY');
  }

  /** VANISHED stands in place of EXPUNGE. */
  get vanishes(): boolean {
    return this.qresync || this.uidOnly;
  }
}
