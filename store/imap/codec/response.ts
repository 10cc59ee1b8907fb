import { PieceWriter } from '../../connection/piece-writer.ts';
import { isAtom } from './octets.ts';

/** Writes IMAP's values. Pure: it knows no socket. */
export class ResponseWriter extends PieceWriter {
  /** RFC 9051 §4.3: a literal of exactly these octets. */
  literal(bytes: Uint8Array): this {
    return this.text('{').number(bytes.length).text('}\r\n').bytes(bytes);
  }

  /** RFC 3516 §4.3: the form that NUL may stand in. */
  literal8(bytes: Uint8Array): this {
    return this.text('~{').number(bytes.length).text('}\r\n').bytes(bytes);
  }

  /** A string given as latin1 octets: quoted where that is possible, else a literal. */
  string(octets: string): this {
    if (octets.length <= 1000 && /^[\x20-\x7e]*$/.test(octets)) {
      return this.text(`"${octets.replace(/["\\]/g, '\\$&')}"`);
    }
    return this.literal(Buffer.from(octets, 'latin1'));
  }

  nstring(octets: string | undefined): this {
    return octets === undefined ? this.text('NIL') : this.string(octets);
  }

  /** An atom where the text is one, else a string. */
  astring(octets: string): this {
    return isAtom(octets) ? this.text(octets) : this.string(octets);
  }

  /** A string that a client with UTF-8 enabled reads quoted (RFC 6855 §3, RFC 9051 §4.3). */
  utf8String(text: string): this {
    if (!/[\x00-\x1f\x7f]/.test(text) && text.length <= 1000) {
      return this.bytes(Buffer.from(`"${text.replace(/["\\]/g, '\\$&')}"`, 'utf8'));
    }
    return this.literal(Buffer.from(text, 'utf8'));
  }
}
