import { z } from 'zod';

/** Everything that can be set in local-delivery.yaml, the settings of the privileged helper. */
export const helperConfigSchema = z.strictObject({
  socket: z
    .string()
    .default('/run/postern-local-delivery/socket')
    .describe('Unix socket on which the store asks; who may, its folder and group decide.'),
  program: z
    .array(z.string())
    .min(1)
    .describe('The program with its arguments: `[/usr/bin/procmail, -t]` or `[/usr/bin/maildrop]`. An absolute path.'),
  minUid: z.int().min(1).default(1000).describe('Lowest uid and gid that it runs as.'),
  timeLimitMs: z.int().min(100).default(30_000).describe('Time after which a program is killed.'),
  cpuLimitSeconds: z.int().min(1).default(30).describe('Processor time of each process of it.'),
  memoryLimitBytes: z.int().min(1).default(536_870_912).describe('Address space of each process of it.'),
  maxRunning: z.int().min(1).default(8).describe('Most programs at a time; further messages wait for their turn.'),
  maxMessageBytes: z.int().min(1).default(67_108_864).describe('Largest message.'),
});

export type HelperConfig = z.infer<typeof helperConfigSchema>;
