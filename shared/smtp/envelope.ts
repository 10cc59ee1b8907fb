/** RFC 5321 §2.3.1 and RFC 3461: the envelope of a message, as it travels beside the content. */
export interface Envelope {
  /** Address of MAIL FROM without angle brackets; `''` is the null reverse-path. Domain as A-labels. */
  readonly reversePath: string;
  readonly recipients: readonly EnvelopeRecipient[];
  /** RFC 6152; `7BIT` unless the client said otherwise. */
  readonly body: '7BIT' | '8BITMIME';
  /** RFC 6531 SMTPUTF8 was given at MAIL FROM. */
  readonly smtpUtf8: boolean;
  /** RFC 3461 §4.3. */
  readonly ret?: 'FULL' | 'HDRS' | undefined;
  /** RFC 3461 §4.4, xtext decoded. */
  readonly envid?: string | undefined;
  /** RFC 8689 REQUIRETLS. */
  readonly requireTls?: boolean | undefined;
}

/** One forward-path with its DSN parameters (RFC 3461 §4.1, §4.2). */
export interface EnvelopeRecipient {
  /** Address of RCPT TO without angle brackets. Local part as given; domain lower-cased A-labels. */
  readonly address: string;
  readonly notify?: readonly ('NEVER' | 'SUCCESS' | 'FAILURE' | 'DELAY')[] | undefined;
  /** ORCPT as `type;address`, xtext decoded. */
  readonly orcpt?: string | undefined;
}
