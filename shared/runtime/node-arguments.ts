/**
 * What Node is told when it runs a service of ours; the units of systemd and the images say the same.
 *
 * V8's young generation would grow to 128 MB under load and stay there while ten thousand clients idle. With 16 MB a half
 * a service settles at 50 MB less, an idle connection's share is what it holds, and throughput is the same
 * (`npm run bench -- idle`, `npm run bench -- inbound`).
 */
export const NODE_ARGUMENTS: readonly string[] = ['--max-semi-space-size=16'];
