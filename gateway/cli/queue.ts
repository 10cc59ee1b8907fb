import { Spool } from '../relay/spool/spool.ts';
import { command, configOf, parsed, UsageError } from './command.ts';
import { QUEUE_COMMANDS } from './queue-commands.ts';

/** `postern-gateway queue COMMAND [ID…] (--config FILE | --spool FOLDER) [--json]`: looks after the relay's spool. */
export const queueCommand = command(
  `usage: postern-gateway queue COMMAND [ID…] (--config gateway.yaml | --spool FOLDER) [--json]

  list             messages that wait (active) and that are held
  show ID…         everything about a message but its content
  retry ID…        try now
  hold ID…         take out of the queue until released
  release ID…      back into the queue; refused recipients are tried anew
  requeue ID…      begin anew: tries and lifetime, as if it had just come; also from held
  expire ID…       give up now: held, as at the end of its lifetime; nobody is told
  delete ID…       remove for good; nobody is told
  domains          domains to which nothing is sent for now
  hold-domain D…   send nothing to these domains (\`*\`: to none outside) until they are released
  release-domain D…`,
  async (args, { print }) => {
    const { values, positionals } = parsed(args, {
      config: { type: 'string' },
      spool: { type: 'string' },
      json: { type: 'boolean', default: false },
    });
    const [name = '', ...ids] = positionals;
    const found = QUEUE_COMMANDS.get(name);
    if (found === undefined) throw new UsageError(name === '' ? 'which command?' : `no such command: queue ${name}`);
    if (found.wantsIds !== ids.length > 0) {
      throw new UsageError(found.wantsIds ? `queue ${name} wants ids` : `queue ${name} takes no ids`);
    }
    const path = values.spool ?? (values.config === undefined ? undefined : configOf(values.config).spool.path);
    if (path === undefined) throw new UsageError('which spool? Give --config or --spool.');
    const spool = await Spool.open(path, false);
    try {
      const { lines, json, failed } = await found.run(spool, ids);
      print(values.json ? JSON.stringify(json, null, 2) : lines.join('\n'));
      return failed ? 1 : 0;
    } finally {
      await spool.close();
    }
  },
);
