import { legAddress, port } from '@postern/shared/runtime/config.ts';
import { z } from 'zod';

/** Submission by people on the road (RFC 6409, RFC 8314); off unless it is set. */
export const submissionSettings = () =>
  z
    .strictObject({
      listen: z
        .array(
          z.strictObject({
            address: legAddress(),
            port: port().default(465),
            mode: z
              .enum(['implicit', 'starttls'])
              .default('implicit')
              .describe('`implicit` speaks TLS from the first octet (465), `starttls` on demand (587); AUTH needs it.'),
          }),
        )
        .min(1)
        .describe('Where mail programs on the road send: the public leg. The certificate is that of `smtp.tls`.'),
      maxRecipients: z.int().min(1).default(100).describe('Most recipients of one message.'),
      messagesPerHour: z.int().min(1).default(100).describe('Messages that one user may send in an hour: 450 beyond.'),
      recipientsPerDay: z
        .int()
        .min(1)
        .default(1_000)
        .describe('Recipients that one user may send to in a day: 450 beyond.'),
      maxConnections: z.int().min(1).default(500).describe('Most sessions at a time.'),
      delegates: z
        .record(z.string(), z.array(z.string()))
        .default({})
        .describe('Users by address that they may send as, beside their own addresses and aliases.'),
      lockOut: z
        .strictObject({
          userFailures: z
            .int()
            .min(1)
            .default(4)
            .describe(
              'Wrong passwords of one user, from places where it never signed in, after which no more are tried against the directory; keep it below the directory’s own limit.',
            ),
          clientFailures: z
            .int()
            .min(1)
            .default(20)
            .describe('Wrong passwords from one network after which it has to wait.'),
          forgetMs: z.int().min(1_000).default(900_000).describe('How long failures count, and a lock lasts.'),
        })
        .prefault({})
        .describe('What happens to those who guess: they are refused here, and the directory’s account is not locked.'),
    })
    .describe('Submission from the Internet, after AUTH.');

export type SubmissionSettings = z.infer<ReturnType<typeof submissionSettings>>;
