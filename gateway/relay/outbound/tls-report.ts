import type { DayOfCounts } from './tls-counts.ts';

export interface ReportSender {
  readonly organization: string;
  readonly contact: string;
  /** Address that mail leaves from. */
  readonly address: string;
}

/** A TLS report about one domain and day as RFC 8460 §4.4 writes it. Pure. */
export function tlsReport(day: string, domain: string, counts: DayOfCounts[string], sender: ReportSender): object {
  return {
    'organization-name': sender.organization,
    'date-range': { 'start-datetime': `${day}T00:00:00Z`, 'end-datetime': `${day}T23:59:59Z` },
    'contact-info': sender.contact,
    'report-id': `${day}T00:00:00Z_${domain}`,
    policies: Object.values(counts).map(({ policy, successes, failures }) => {
      const details = Object.entries(failures).map(([key, count]) => {
        const [result, host] = key.split(' ');
        return { 'result-type': result, 'receiving-mx-hostname': host, 'failed-session-count': count };
      });
      return {
        policy: {
          'policy-type': policy.kind,
          ...(policy.lines.length === 0 ? {} : { 'policy-string': policy.lines }),
          'policy-domain': domain,
          ...(policy.mx.length === 0 ? {} : { 'mx-host': policy.mx }),
        },
        summary: {
          'total-successful-session-count': successes,
          'total-failure-session-count': details.reduce((sum, detail) => sum + detail['failed-session-count'], 0),
        },
        ...(details.length === 0
          ? {}
          : { 'failure-details': details.map((d) => ({ 'sending-mta-ip': sender.address, ...d })) }),
      };
    }),
  };
}
