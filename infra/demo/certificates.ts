import { day } from '../pki/authority.ts';
import { type CertificateReport, keepCertificates } from '../pki/certificate-folder.ts';
import { type Layout, LEGS } from './layout.ts';

/** Names of the demo's parts in certificates and greetings. */
export const NAMES = {
  public: 'mx.postern.example',
  relay: 'relay.dmz.postern.example',
  webmail: 'webmail.dmz.postern.example',
  hub: 'hub.corp.postern.example',
  store: 'store.corp.postern.example',
  directory: 'directory.corp.postern.example',
} as const;

/** Makes or keeps the demo's certificates: one identity a part, so that none can pass for another. */
export function keepDemoCertificates(layout: Layout): Promise<CertificateReport[]> {
  return keepCertificates(layout.at('pki'), {
    public: { commonName: NAMES.public, names: [NAMES.public, 'localhost', LEGS.internet], uses: ['server'] },
    // Client towards the store; server towards the hub.
    relay: { commonName: NAMES.relay, names: [NAMES.relay, LEGS.dmz], uses: ['server', 'client'] },
    webmail: { commonName: NAMES.webmail, names: [NAMES.webmail, LEGS.dmz], uses: ['client'] },
    hub: { commonName: NAMES.hub, names: [NAMES.hub, LEGS.corporate], uses: ['client'] },
    store: { commonName: NAMES.store, names: [NAMES.store, 'localhost', LEGS.corporate], uses: ['server'] },
    directory: { commonName: NAMES.directory, names: [NAMES.directory, LEGS.corporate], uses: ['server'] },
  });
}

/** The reports as one line: what was made and why, and when the first one expires. */
export function certificateLine(reports: readonly CertificateReport[]): string {
  const made = reports.filter((report) => report.made !== undefined);
  const first = reports.reduce((a, b) => (b.expiresAt < a.expiresAt ? b : a));
  const until = `the first to expire is ${first.name}, on ${day(first.expiresAt)}`;
  if (made.length === 0) return `certificates kept; ${until}`;
  if (made.length === reports.length) return `made a CA and ${made.length - 1} certificates; ${until}`;
  return `renewed ${made.map((report) => `${report.name} (${report.made})`).join(', ')}; ${until}`;
}
