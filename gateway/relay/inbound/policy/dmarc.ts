import { type Reply, reply } from '@postern/shared/smtp/reply.ts';
import type { AuthenticationSettings } from './authentication-settings.ts';
import { ACCEPT, type Verdict } from './rule.ts';
import type { SenderAuthentication } from './sender-authentication.ts';

const REFUSED_BY_POLICY = (domain: string): Reply =>
  reply(
    550,
    '5.7.1',
    `Refused by the DMARC policy of ${/^[a-z0-9.-]{1,255}$/i.test(domain) ? domain : 'the domain in From'}`,
  );
// RFC 7372 §3.2: X.7.23, SPF validation failed.
const SPF_FAILED = reply(550, '5.7.23', 'The domain of the sender does not permit your address');
// RFC 3463 §3.5: a name server that cannot be had is X.4.3.
const LATER = reply(451, '4.4.3', 'The author of this message could not be verified, please try again later');

/** What becomes of a message by DMARC (RFC 9989 §5.3), or by SPF where DMARC has no opinion. */
export function decideDmarc(found: SenderAuthentication, settings: AuthenticationSettings): Verdict {
  const { result, policy, domain, skipped } = found.dmarc;
  if (result === 'temperror') {
    const reason = 'DMARC could not be evaluated';
    return settings.onUnknown === 'accept' ? { kind: 'accept', reason } : { kind: 'tempfail', reply: LATER, reason };
  }
  if (result === 'pass') return ACCEPT;
  // RFC 9989 §11.5: a second From is there to show a reader another author than the one that was verified.
  if (skipped !== undefined && skipped !== 'no-author-domain') return { kind: 'junk', reason: `DMARC: ${skipped}` };
  if (result === 'fail' && policy !== 'none') {
    const reason = `DMARC of ${domain} fails, p=${policy}`;
    const { arcSealer } = found;
    if (arcSealer !== undefined && settings.trustedArcSealers.some((d) => d.toLowerCase() === arcSealer)) {
      return { kind: 'accept', reason: `${reason}; it passed at ${arcSealer}, whose ARC seal is trusted` };
    }
    const action = policy === 'reject' ? settings.onDmarcReject : settings.onDmarcQuarantine;
    return act(action, REFUSED_BY_POLICY(domain), reason);
  }
  if (found.spf === 'fail') return act(settings.onSpfFail, SPF_FAILED, 'SPF fails');
  return result === 'fail' ? { kind: 'accept', reason: `DMARC of ${domain} fails, p=none` } : ACCEPT;
}

function act(action: 'reject' | 'junk' | 'accept', refusal: Reply, reason: string): Verdict {
  return action === 'reject' ? { kind: 'reject', reply: refusal, reason } : { kind: action, reason };
}
