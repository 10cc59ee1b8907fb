import { z } from 'zod';

const action = (fallback: 'reject' | 'junk' | 'accept', what: string) =>
  z.enum(['reject', 'junk', 'accept']).default(fallback).describe(what);

/** Whether a message is by whom it says: SPF, DKIM, DMARC, ARC. */
export const authenticationSettings = () =>
  z
    .strictObject({
      enabled: z.boolean().default(true).describe('Verify SPF, DKIM, DMARC and ARC of strangers’ mail.'),
      timeoutMs: z.int().min(100).default(15_000).describe('Time for all of it; then it counts as not known.'),
      onDmarcReject: action('reject', 'DMARC fails and its domain asks for rejection (550 5.7.1).'),
      onDmarcQuarantine: action('junk', 'DMARC fails and its domain asks for quarantine.'),
      onSpfFail: action('accept', 'SPF fails (`-all`) and DMARC does not pass; DMARC is the better judge.'),
      onUnknown: z
        .enum(['accept', 'tempfail'])
        .default('accept')
        .describe('The DNS does not answer, so that DMARC cannot be evaluated: accept, or 451.'),
      trustedArcSealers: z
        .array(z.string())
        .default([])
        .describe('Domains of forwarders whose ARC seal (RFC 8617) excuses a failing DMARC that passed at theirs.'),
    })
    .prefault({});

export type AuthenticationSettings = z.infer<ReturnType<typeof authenticationSettings>>;
