import { z } from 'zod';

const action = (fallback: 'reject' | 'tempfail' | 'junk' | 'accept', what: string) =>
  z.enum(['reject', 'tempfail', 'junk', 'accept']).default(fallback).describe(what);

const onUnknown = () =>
  z
    .enum(['accept', 'tempfail'])
    .default('accept')
    .describe('When the DNS does not answer: go on without this rule, or 45z. Never a refusal for good.');

const rate = (what: string) =>
  z
    .strictObject({
      count: z.int().min(1).describe('So many messages'),
      perMs: z.int().min(1_000).default(3_600_000).describe('in so much time.'),
      burst: z.int().min(1).optional().describe('At once after a silence; `count` when unset.'),
    })
    .optional()
    .describe(what);

const listFields = () => ({
  zone: z.string().min(1).describe('Zone of the list, for instance `zen.example`.'),
  of: z
    .enum(['client', 'sender-domain'])
    .default('client')
    .describe('What is looked up: the client’s address, or the domain of MAIL FROM.'),
  codes: z
    .array(z.ipv4())
    .default([])
    .describe('Answers that count as listed; all in 127.0.0.0/8 but 127.0.0.1 and 127.255.255.0/24 when empty.'),
});

/** Who may send here at all: judged before the directory is asked. */
export const policySettings = () =>
  z
    .strictObject({
      trustedNetworks: z
        .array(z.union([z.cidrv4(), z.cidrv6()]))
        .default(['127.0.0.0/8', '::1/128'])
        .describe('Clients to whom no rule applies, and whose mail is not authenticated: forwarders of your own.'),
      exemptRecipients: z
        .array(z.string())
        .default(['postmaster', 'abuse'])
        .describe('Local parts that everybody may write to, so that who is refused can complain (RFC 5321 §4.5.1).'),
      maxEntries: z.int().min(1).default(100_000).describe('Most clients, senders or triplets that a rule remembers.'),
      dnsBlockLists: z
        .array(z.strictObject({ ...listFields(), action: action('reject', 'What happens to mail of who is listed.') }))
        .default([])
        .describe('DNS block lists (RFC 5782), asked in parallel.'),
      dnsAllowLists: z
        .array(z.strictObject(listFields()))
        .default([])
        .describe('DNS allow lists (RFC 5782): no other rule is asked about who is on one.'),
      dnsListsOnUnknown: onUnknown(),
      reverseName: z
        .strictObject({
          enabled: z
            .boolean()
            .default(false)
            .describe('Look for a name of the client’s address that leads back to it.'),
          action: action('junk', 'When there is none.'),
          onUnknown: onUnknown(),
        })
        .prefault({}),
      helo: z
        .strictObject({
          enabled: z.boolean().default(true).describe('Look at what the client calls itself.'),
          ourName: action('reject', 'It gives our name or one of our addresses.'),
          malformed: action('accept', 'It gives neither a name with a dot nor an address literal.'),
          otherAddress: action('accept', 'It gives an address that is not its own.'),
          unresolvable: action('accept', 'It gives a name that has neither address nor MX in the DNS.'),
          onUnknown: onUnknown(),
        })
        .prefault({}),
      greylisting: z
        .strictObject({
          enabled: z.boolean().default(false).describe('Answer a stranger’s first try 450 (RFC 6647).'),
          delayMs: z.int().min(1_000).default(300_000).describe('How long a stranger has to wait.'),
          retryWindowMs: z.int().default(86_400_000).describe('Later than this, a second try is a first one again.'),
          rememberMs: z.int().default(3_024_000_000).describe('A network that passed is known so long (35 days).'),
        })
        .prefault({}),
      rates: z
        .strictObject({
          address: rate('Limit on messages from one address.'),
          network: rate('Limit on messages from one network: /24 of IPv4, /64 of IPv6.'),
          sender: rate('Limit on messages from one MAIL FROM.'),
          recipient: rate('Limit on messages to one recipient.'),
        })
        .prefault({}),
    })
    .prefault({});

export type PolicySettings = z.infer<ReturnType<typeof policySettings>>;
