import { DELIVERY_ID_KEYWORD } from '../delivery/delivery-id.ts';
import { PLACEMENT_KEYWORD, type Placement, placementText } from '../delivery/placement.ts';
import type { Envelope, EnvelopeRecipient } from './envelope.ts';
import { encodeXtext } from './xtext.ts';

/** What goes into MAIL beside the envelope. */
export interface MailExtras {
  readonly size?: number | undefined;
  readonly deliveryId?: string | undefined;
  readonly placement?: Placement | undefined;
}

/** The MAIL command for an envelope, without CRLF; parameters only where the server offers them. */
export function mailCommand(envelope: Envelope, capabilities: ReadonlyMap<string, string>, extras: MailExtras): string {
  let line = `MAIL FROM:<${checked(envelope.reversePath)}>`;
  if (extras.size !== undefined && capabilities.has('SIZE')) line += ` SIZE=${extras.size}`;
  if (envelope.body === '8BITMIME' && capabilities.has('8BITMIME')) line += ' BODY=8BITMIME';
  if (envelope.smtpUtf8 && capabilities.has('SMTPUTF8')) line += ' SMTPUTF8';
  if (capabilities.has('DSN')) {
    if (envelope.ret !== undefined) line += ` RET=${envelope.ret}`;
    if (envelope.envid !== undefined) line += ` ENVID=${encodeXtext(envelope.envid)}`;
  }
  if (extras.deliveryId !== undefined && capabilities.has(DELIVERY_ID_KEYWORD)) {
    line += ` ${DELIVERY_ID_KEYWORD}=${checked(extras.deliveryId)}`;
  }
  if (extras.placement !== undefined && capabilities.has(PLACEMENT_KEYWORD)) {
    line += ` ${PLACEMENT_KEYWORD}=${placementText(extras.placement)}`;
  }
  return line;
}

/** The RCPT command for a recipient, without CRLF. */
export function recipientCommand(recipient: EnvelopeRecipient, capabilities: ReadonlyMap<string, string>): string {
  let line = `RCPT TO:<${checked(recipient.address)}>`;
  if (capabilities.has('DSN')) {
    if (recipient.notify !== undefined && recipient.notify.length > 0) line += ` NOTIFY=${recipient.notify.join(',')}`;
    if (recipient.orcpt !== undefined) {
      const semicolon = recipient.orcpt.indexOf(';');
      const type = recipient.orcpt.slice(0, semicolon);
      line += ` ORCPT=${checked(type)};${encodeXtext(recipient.orcpt.slice(semicolon + 1))}`;
    }
  }
  return line;
}

/** A line end within an address would smuggle a command: that is a fault of ours, never sent. */
function checked(text: string): string {
  if (/[\x00-\x1f\x7f]/.test(text)) throw new Error('a control character in the envelope');
  return text;
}
