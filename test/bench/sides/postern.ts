import { createPool } from 'mysql2/promise';
import type { TestStack } from '../../support/stack.ts';
import type { InboundSide } from './side.ts';

/** Gateway and store as they are, each hop with TLS, recipients from slapd by StartTLS, logging on. */
export function posternSide(stack: TestStack): InboundSide & { close(): Promise<void> } {
  const pool = createPool({ uri: stack.database.url, connectionLimit: 1 });
  const count = async (): Promise<number> => {
    const [rows] = await pool.query('SELECT COALESCE(SUM(n_msgs), 0) AS n FROM mailbox');
    return Number((rows as { n: unknown }[])[0]?.n);
  };
  let before = 0;
  return {
    name: 'Postern',
    smtpPort: stack.endpoints.smtp.port,
    programs: [
      { name: 'relay', pid: stack.pid('relay') },
      { name: 'store', pid: stack.pid('store') },
      { name: 'mariadbd', pid: stack.pid('database') },
      { name: 'slapd', pid: stack.pid('directory') },
    ],
    delivered: async () => (await count()) - before,
    async begin() {
      before = await count();
    },
    close: () => pool.end(),
  };
}

/** Entries of the benchmark's accounts: one, and a hundred with numbers in front. */
export function benchAccounts(domain: string, name: string, many: number, baseDn: string): string {
  const addresses = [`${name}@${domain}`, ...Array.from({ length: many }, (_, i) => `${i + 1}${name}@${domain}`)];
  return addresses
    .map(
      (address) =>
        `dn: mail=${address},jvd=${domain},${baseDn}\nchangetype: add\nobjectClass: top\nobjectClass: JammMailAccount\nmail: ${address}\ncn: Bench\naccountActive: TRUE\nuserPassword: bench\n`,
    )
    .join('\n');
}
