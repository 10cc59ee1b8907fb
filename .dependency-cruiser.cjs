/** The floors of the house (ARCHITECTURE.md): an arrow goes down only. `npm run check:imports` fails on a breach. */
module.exports = {
  forbidden: [
    {
      name: 'gateway-and-store-never-meet',
      comment: 'The protocol break: neither tier may contain code of the other.',
      severity: 'error',
      from: { path: '^gateway/' },
      to: { path: '^(store|infra|schema)/' },
    },
    {
      name: 'store-and-gateway-never-meet',
      severity: 'error',
      from: { path: '^store/' },
      to: { path: '^(gateway|infra)/' },
    },
    {
      name: 'shared-is-the-ground-floor',
      severity: 'error',
      from: { path: '^shared/' },
      to: { path: '^(gateway|store|infra|test|schema)/' },
    },
    {
      name: 'product-never-imports-tests',
      severity: 'error',
      from: { path: '^(gateway|store|infra|schema)/', pathNot: '\\.test\\.ts$' },
      to: { path: '^test/' },
    },
    {
      name: 'no-database-in-the-gateway',
      comment: 'Invariant 5: the relay holds no database driver.',
      severity: 'error',
      from: { path: '^(gateway|shared)/' },
      to: { path: 'node_modules/(mysql2|knex)/' },
    },
    {
      name: 'one-door-to-sql-mail',
      comment: 'store/mailstore is the only place that speaks SQL for mail; schema/sql holds its migrations.',
      severity: 'error',
      from: { path: '^(store|infra)/', pathNot: '^(store/mailstore/|infra/demo/(private-)?database)|\\.test\\.ts$' },
      to: { path: 'node_modules/(mysql2|knex)/' },
    },
    {
      name: 'one-door-to-ldap',
      severity: 'error',
      from: { path: '^(shared|gateway|store|infra)/', pathNot: '^(shared/directory/|infra/demo/embedded-directory)' },
      to: { path: 'node_modules/(ldapjs|@ldapjs)/' },
    },
    {
      name: 'one-smtp-listener',
      severity: 'error',
      from: { path: '^(shared|gateway|store|infra)/', pathNot: '^shared/smtp/listener' },
      to: { path: 'node_modules/smtp-server/' },
    },
    {
      name: 'one-logger',
      severity: 'error',
      from: { path: '^(shared|gateway|store|infra)/', pathNot: '^shared/runtime/log' },
      to: { path: 'node_modules/pino/' },
    },
    {
      name: 'codecs-are-pure',
      comment: 'Codecs turn bytes into values and values into bytes; they touch no socket, clock, file or log.',
      severity: 'error',
      from: { path: '^(store/imap/codec|shared/message|store/sieve)/', pathNot: '\\.test\\.ts$' },
      to: { path: '^(net|tls|fs|http|https|dns|fs/promises|child_process|timers)$|^shared/runtime/|^store/mailstore/' },
    },
    {
      name: 'storage-knows-no-protocol',
      comment: 'The mailstore may use pure codecs, never a session.',
      severity: 'error',
      from: { path: '^store/mailstore/', pathNot: '\\.test\\.ts$' },
      to: { path: '^store/(imap|pop3|lmtp|managesieve|hub|console)/', pathNot: '^store/imap/codec/' },
    },
    {
      name: 'no-circles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^var/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      extensions: ['.ts', '.js', '.json'],
      conditionNames: ['import', 'require', 'node', 'default'],
    },
  },
};
