import type { Parameter } from '@postern/shared/message/content-fields.ts';
import type { MimePart, ScannedMessage } from '@postern/shared/message/mime-part.ts';
import { envelopeText } from './envelope.ts';
import { wireNString, wireString } from './wire-string.ts';

/** BODYSTRUCTURE as it goes over the wire, with extension data (RFC 3501 §7.4.2, RFC 9051 §7.5.2). */
export function renderBodyStructure(scan: ScannedMessage): Buffer {
  return Buffer.from(renderPart(scan.bytes, scan.root, true), 'latin1');
}

/** BODY, which has no extension data: clients of IMAP4rev1 know no more (RFC 3501 §7.4.2). */
export function renderBody(scan: ScannedMessage): Buffer {
  return Buffer.from(renderPart(scan.bytes, scan.root, false), 'latin1');
}

/** The tree is at most MAX_NESTING deep, so that recursion is bounded. */
function renderPart(bytes: Buffer, part: MimePart, extended: boolean): string {
  if (part.kind === 'multipart') return renderMultipart(bytes, part, extended);
  // body-fields = body-fld-param SP body-fld-id SP body-fld-desc SP body-fld-enc SP body-fld-octets
  const fields = [
    wireString(part.type),
    wireString(part.subtype),
    renderParameters(part.params),
    wireNString(part.id),
    wireNString(part.description),
    wireString(part.encoding),
    String(part.bodyEnd - part.bodyStart),
  ];
  const enclosed = part.kind === 'message' ? part.children[0] : undefined;
  if (enclosed) {
    fields.push(envelopeText(bytes, enclosed.fields), renderPart(bytes, enclosed, extended));
  }
  if (enclosed || part.type === 'text') fields.push(String(part.lines));
  if (extended) fields.push(wireNString(part.md5), ...extensionFields(part));
  return `(${fields.join(' ')})`;
}

function renderMultipart(bytes: Buffer, part: MimePart, extended: boolean): string {
  const children = part.children.map((child) => renderPart(bytes, child, extended)).join('');
  const extension = extended ? ` ${[renderParameters(part.params), ...extensionFields(part)].join(' ')}` : '';
  return `(${children} ${wireString(part.subtype)}${extension})`;
}

/** body-fld-dsp SP body-fld-lang SP body-fld-loc */
function extensionFields(part: MimePart): string[] {
  const { disposition, languages, location } = part;
  return [
    disposition ? `(${wireString(disposition.type)} ${renderParameters(disposition.params)})` : 'NIL',
    languages.length === 0 ? 'NIL' : `(${languages.map(wireString).join(' ')})`,
    wireNString(location),
  ];
}

function renderParameters(params: readonly Parameter[]): string {
  if (params.length === 0) return 'NIL';
  return `(${params.map(([name, value]) => `${wireString(name)} ${wireString(value)}`).join(' ')})`;
}
