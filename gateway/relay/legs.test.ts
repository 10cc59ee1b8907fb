import { parseConfig } from '@postern/shared/runtime/config.ts';
import { expect, it } from 'vitest';
import { stringify } from 'yaml';
import { relayConfigSchema } from './config.ts';

const tls = { cert: 'c', key: 'k' };
const SETTINGS = {
  hostname: 'mx.example',
  smtp: { listen: [{ address: '192.0.2.1' }], tls },
  innerAddress: '10.0.0.1',
  store: { lmtp: { host: 'store' }, tls, ca: 'ca' },
  directory: { urls: ['ldap://directory'], baseDn: 'o=x', ca: 'ca' },
  spool: { path: '/spool' },
};
const admin = (address: string) => ({ admin: { listen: { address }, tls, clientCa: 'ca', clients: ['console'] } });
const metrics = (address: string) => ({ metrics: { listen: { address } } });
const outbound = (localAddress: string) => ({ outbound: { localAddress } });

function errors(own: object): string[] {
  const result = parseConfig(relayConfigSchema, stringify({ ...SETTINGS, ...own }), 'gateway.yaml');
  return result.ok ? [] : result.errors;
}

it.each([
  metrics('10.0.0.1'),
  metrics('127.0.0.1'),
  metrics('::1'),
  admin('10.0.0.1'),
  outbound('192.0.2.1'),
  outbound('192.0.2.9'),
  { directory: { ...SETTINGS.directory, localAddress: '10.0.0.1' } },
])('starts with %j', (own) => {
  expect(errors(own)).toEqual([]);
});

const REFUSED: readonly (readonly [object, RegExp])[] = [
  [metrics('192.0.2.1'), /metrics\.listen\.address: 192\.0\.2\.1 is the public leg, where strangers could read/],
  [metrics('::ffff:192.0.2.1'), /metrics\.listen\.address: .* is the public leg/],
  [admin('192.0.2.1'), /admin\.listen\.address: 192\.0\.2\.1 is the public leg, where strangers could reach/],
  [{ ...admin('192.0.2.9'), ...outbound('192.0.2.9') }, /admin\.listen\.address: 192\.0\.2\.9 is the public leg/],
  [admin('198.51.100.1'), /neither the private leg \(innerAddress 10\.0\.0\.1\) nor loopback/],
  [outbound('10.0.0.1'), /outbound\.localAddress: 10\.0\.0\.1 is the private leg: mail to the outside leaves/],
  [
    { directory: { ...SETTINGS.directory, localAddress: '192.0.2.1' } },
    /directory\.localAddress: .*connections go inwards/,
  ],
  ...['0.0.0.0', '::', '::0', '0:0:0:0:0:0:0:0', '::ffff:0.0.0.0'].flatMap((wildcard) => [
    [
      metrics(wildcard),
      /metrics\.listen\.address: a wildcard is refused, because it would listen on every leg/,
    ] as const,
    [admin(wildcard), /admin\.listen\.address: a wildcard is refused/] as const,
    [outbound(wildcard), /outbound\.localAddress: a wildcard is refused/] as const,
    [{ smtp: { listen: [{ address: wildcard }], tls } }, /smtp\.listen\.0\.address: a wildcard is refused/] as const,
    [{ innerAddress: wildcard }, /innerAddress: a wildcard is refused/] as const,
  ]),
];

it.each(REFUSED)('refuses %j', (own, sentence) => {
  expect(errors(own).join('\n')).toMatch(sentence);
});
