import { z } from 'zod';

/** `delivery.localProgram` of store.yaml. */
export const localProgramSettings = () =>
  z.strictObject({
    socket: z
      .string()
      .default('/run/postern-local-delivery/socket')
      .describe('Unix socket of the privileged helper (docs/local-delivery.md).'),
    timeoutMs: z
      .int()
      .min(1000)
      .default(40_000)
      .describe('How long the helper is waited for: longer than the time limit of its program.'),
  });
