import { scanMessage } from '@postern/shared/message/mime-structure.ts';
import { searchableText } from '@postern/shared/message/text.ts';
import { renderBodyStructure } from '../../store/imap/codec/bodystructure.ts';
import { renderEnvelope } from '../../store/imap/codec/envelope.ts';
import { realisticMessage } from '../corpus/corpus.ts';

/** `node test/bench/scan.ts`: what a delivery pays for knowing a message's structure; milliseconds a message, median of seven runs. */
function measure(name: string, octets: number, act: () => unknown): void {
  const runs = Array.from({ length: 7 }, () => {
    const start = performance.now();
    for (let i = 0; i < 1_000; i++) act();
    return (performance.now() - start) / 1_000;
  }).sort((a, b) => a - b);
  console.log(`${name.padEnd(40)} ${String(octets).padStart(7)} octets ${(runs[3] as number).toFixed(4)} ms`);
}

for (const size of [5_000, 50_000]) {
  const bytes = realisticMessage(size);
  const scan = scanMessage(bytes);
  measure('scanMessage', bytes.length, () => scanMessage(bytes));
  measure('renderEnvelope', bytes.length, () => renderEnvelope(scan));
  measure('renderBodyStructure', bytes.length, () => renderBodyStructure(scan));
  measure('searchableText', bytes.length, () => searchableText(scan));
}
