import type { EnvelopeRecipient } from '../envelope.ts';
import type { Reception } from './reception.ts';
import type { MailParameters, ReceivedEnvelope } from './session.ts';

/** A mail transaction between MAIL and the end of DATA (RFC 5321 §3.3). */
export class Transaction {
  readonly reversePath: string;
  readonly parameters: MailParameters;
  readonly recipients: EnvelopeRecipient[] = [];
  /** RCPT commands, accepted or not. */
  attempted = 0;
  /** The message, from DATA or the first BDAT on. */
  reception: Reception | undefined;

  constructor(reversePath: string, parameters: MailParameters) {
    this.reversePath = reversePath;
    this.parameters = parameters;
  }

  envelope(): ReceivedEnvelope {
    const { body, smtpUtf8, ret, envid, requireTls, extra } = this.parameters;
    const recipients = this.recipients;
    return { reversePath: this.reversePath, recipients, body, smtpUtf8, ret, envid, requireTls, extra };
  }
}
