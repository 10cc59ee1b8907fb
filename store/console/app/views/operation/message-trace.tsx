import { useState } from 'preact/hooks';
import { get } from '../../api.ts';
import { Field, Form } from '../../components/form.tsx';
import { t, time } from '../../i18n.ts';

type Line = Readonly<Record<string, unknown>>;

interface Trace {
  readonly journeys: readonly {
    readonly deliveryId?: string;
    readonly messageId?: string;
    readonly from?: string;
    readonly to: readonly string[];
    readonly lines: readonly Line[];
  }[];
  /** Why a part of the way is not told. */
  readonly silent: readonly string[];
}

/** What every line has, and what the head of the journey says already. */
const KNOWN = new Set(['time', 'tier', 'name', 'event', 'level', 'pid', 'deliveryId', 'messageId', 'session']);

export function MessageTrace() {
  const [trace, setTrace] = useState<Trace>();
  return (
    <div class="card wide">
      <h2>{t('Trace of a message')}</h2>
      <Form
        label={t('Search')}
        submit={async ({ q = '' }) => {
          setTrace(await get(`/api/operation/trace?q=${encodeURIComponent(q)}`));
        }}
      >
        <Field label={t('Message-ID, address or id')} name="q" required />
      </Form>
      <div aria-live="polite">
        {trace?.silent.map((why) => (
          <p key={why} class="hint">
            {t(why)}
          </p>
        ))}
        {trace?.journeys.length === 0 && <p class="muted">{t('Nothing found')}</p>}
        {trace?.journeys.map((journey) => (
          <Journey key={journey.deliveryId ?? String(journey.lines[0]?.time)} {...journey} />
        ))}
      </div>
    </div>
  );
}

function Journey({ deliveryId, messageId, from, to, lines }: Trace['journeys'][number]) {
  return (
    <section class="journey">
      <h3>
        {from || '<>'} → {to.join(', ')}
      </h3>
      <p class="muted">{[messageId, deliveryId].filter((id) => id !== undefined).join(', ')}</p>
      <table>
        <thead>
          <tr>
            <th scope="col">{t('When')}</th>
            <th scope="col">{t('Where')}</th>
            <th scope="col">{t('What')}</th>
            <th scope="col">{t('Details')}</th>
          </tr>
        </thead>
        <tbody>
          {lines.map((line, index) => (
            <tr key={index}>
              <td data-label={t('When')}>{time(Date.parse(String(line.time)))}</td>
              <td data-label={t('Where')}>{String(line.tier)}</td>
              <td data-label={t('What')}>{String(line.event)}</td>
              <td data-label={t('Details')}>{detailsOf(line)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function detailsOf(line: Line): string {
  return Object.entries(line)
    .filter(([name]) => !KNOWN.has(name))
    .map(([name, value]) => `${name}: ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`)
    .join(', ');
}
