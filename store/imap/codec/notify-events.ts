/** RFC 5465 §8 message-event. AnnotationChange is of an extension that is not offered (ANNOTATE). */
export const MESSAGE_EVENTS = ['MessageNew', 'MessageExpunge', 'FlagChange'] as const;

/** RFC 5465 §5.6, §5.7: REQUIRED where METADATA (RFC 5464) is offered. */
export const METADATA_EVENTS = ['MailboxMetadataChange', 'ServerMetadataChange'] as const;

/** The events that are told; others are answered with BADEVENT. */
export const KNOWN_EVENTS = [...MESSAGE_EVENTS, 'MailboxName', 'SubscriptionChange', ...METADATA_EVENTS] as const;

export type KnownEvent = (typeof KNOWN_EVENTS)[number];
