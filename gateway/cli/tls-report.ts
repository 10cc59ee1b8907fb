import { join } from 'node:path';
import { TLS_COUNTS } from '../relay/outbound/open-outbound.ts';
import { readDay } from '../relay/outbound/tls-counts.ts';
import { tlsReport } from '../relay/outbound/tls-report.ts';
import { command, configOf, parsed, UsageError } from './command.ts';

/** `postern-gateway tls-report --config FILE [--day YYYY-MM-DD] [DOMAIN…]`: the reports of a day as JSON (RFC 8460 §4.4). */
export const tlsReportCommand = command(
  `usage: postern-gateway tls-report --config gateway.yaml [--day YYYY-MM-DD] [DOMAIN…]

  what was counted of TLS with other mail servers on a day (UTC; yesterday), as reports by domain`,
  async (args, { print }) => {
    const { values, positionals } = parsed(args, { config: { type: 'string' }, day: { type: 'string' } });
    if (values.config === undefined) throw new UsageError('give --config');
    const day = values.day ?? new Date(Date.now() - 86_400_000).toISOString().slice(0, 10);
    if (!/^\d{4}-\d\d-\d\d$/.test(day)) throw new UsageError(`${day} is no day: write YYYY-MM-DD`);
    const { hostname, spool, outbound } = configOf(values.config);
    if (outbound === undefined) throw new UsageError('mail does not leave: outbound is not set');
    const { organization, contact } = outbound.tlsReports;
    const sender = {
      organization: organization === '' ? hostname : organization,
      contact: contact === '' ? `postmaster@${hostname}` : contact,
      address: outbound.localAddress,
    };
    const counts = await readDay(join(spool.path, TLS_COUNTS), day);
    const domains = positionals.length > 0 ? positionals : Object.keys(counts).sort();
    print(
      JSON.stringify(
        domains.map((domain) => tlsReport(day, domain, counts[domain] ?? {}, sender)),
        null,
        2,
      ),
    );
    return 0;
  },
);
