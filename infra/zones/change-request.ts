import { type End, pathsOf } from './paths.ts';
import type { Policy } from './policy.ts';

/** One line of a change request: what one firewall (or two hosts between themselves) shall let pass. */
export interface ChangeRow {
  readonly flow: string;
  readonly from: string;
  readonly to: string;
  readonly ports: string;
  readonly through: string;
  readonly reason: string;
}

/** The enabled flows as rows, in the policy's order. */
export function changeRows(policy: Policy): ChangeRow[] {
  return pathsOf(policy)
    .filter(({ through }) => through !== undefined)
    .map(({ flow, from, to, through }) => {
      const { tcp = [], udp = [] } = policy.protocols[flow.protocol] ?? {};
      const ports = [...tcp.map((port) => `tcp ${port}`), ...udp.map((port) => `udp ${port}`)].join(', ');
      const where = through?.length === 0 ? `none (within ${from.network})` : (through ?? []).join(', ');
      return {
        flow: flow.id,
        from: describeEnd(policy, from),
        to: describeEnd(policy, to),
        ports: `${flow.protocol}: ${ports}`,
        through: where,
        reason: flow.reason,
      };
    });
}

const HEADINGS: ChangeRow = {
  flow: 'Flow',
  from: 'From',
  to: 'To',
  ports: 'Protocol and ports',
  through: 'Firewall',
  reason: 'Reason',
};

/** A Markdown table. */
export function renderMarkdown(policy: Policy): string {
  const line = (row: ChangeRow): string =>
    `| ${cells(row)
      .map((text) => text.replaceAll('|', '\\|'))
      .join(' | ')} |\n`;
  return `${line(HEADINGS)}|${'---|'.repeat(cells(HEADINGS).length)}\n${changeRows(policy).map(line).join('')}`;
}

/** CSV by RFC 4180 §2: CRLF, quotes doubled. */
export function renderCsv(policy: Policy): string {
  return [HEADINGS, ...changeRows(policy)]
    .map(
      (row) =>
        `${cells(row)
          .map((text) => `"${text.replaceAll('"', '""')}"`)
          .join(',')}\r\n`,
    )
    .join('');
}

function cells({ flow, from, to, ports, through, reason }: ChangeRow): string[] {
  return [flow, from, to, ports, through, reason];
}

function describeEnd(policy: Policy, end: End): string {
  if (end.prefixes.length === 0) return `${end.network} (any address outside)`;
  const name = end.host === undefined ? end.network : `${end.host}.${end.leg}`;
  const seen = policy.hosts[end.host ?? '']?.legs[end.leg ?? '']?.public;
  const addresses = end.prefixes.map(({ text }) => text).join(', ');
  return `${name} (${addresses}${seen === undefined ? '' : `; outside ${seen}`})`;
}
