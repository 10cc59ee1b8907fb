import type { ComponentChildren } from 'preact';
import { ask, path } from '../../api.ts';
import { Loading, useLoaded } from '../../components/loaded.tsx';
import { octets, t, time } from '../../i18n.ts';
import { sentenceOf, tell } from '../../state.ts';

interface Queues {
  readonly hub: readonly {
    readonly id: string;
    readonly state: string;
    readonly reversePath: string;
    readonly cause: string;
    readonly attempts: number;
  }[];
  readonly relay: {
    readonly messages: readonly {
      readonly deliveryId: string;
      readonly folder: string;
      readonly reversePath: string;
      readonly bytes: number;
      readonly attempts: number;
      readonly receivedAt: number;
      readonly recipients: readonly { readonly address: string; readonly status: string }[];
    }[];
  } | null;
  readonly relayWhy?: string;
}

interface Waiting {
  readonly id: string;
  readonly from: string;
  readonly about: string;
}

/** What waits to go out of the store, and what the gateway keeps: mail for a store that was away, mail on its way out. */
export function Queues() {
  const { value, why, reload } = useLoaded<Queues>('/api/operation/queues');
  const silent = value?.relayWhy === undefined ? undefined : t(value.relayWhy);
  return (
    <>
      <QueueCard title={t('Queue of the hub')} why={why} messages={value?.hub.map(ofHub)}>
        {({ id }) => <Actions queue="hub" id={id} names={['hold', 'release', 'retry', 'cancel']} reload={reload} />}
      </QueueCard>
      <QueueCard title={t('Queue of the relay')} why={why ?? silent} messages={value?.relay?.messages.map(ofRelay)}>
        {({ id }) => <Actions queue="relay" id={id} names={['hold', 'release', 'retry', 'delete']} reload={reload} />}
      </QueueCard>
    </>
  );
}

function ofHub({ id, reversePath, cause, state, attempts }: Queues['hub'][number]): Waiting {
  return { id, from: reversePath, about: [t(cause), t(state), t('tries: {count}', { count: attempts })].join(', ') };
}

function ofRelay(message: NonNullable<Queues['relay']>['messages'][number]): Waiting {
  const open = message.recipients.filter(({ status }) => status !== 'delivered').map(({ address }) => address);
  const tries = t('tries: {count}', { count: message.attempts });
  const about = [`→ ${open.join(' ')}`, octets(message.bytes), time(message.receivedAt), tries, t(message.folder)];
  return { id: message.deliveryId, from: message.reversePath, about: about.join(', ') };
}

function QueueCard(props: {
  title: string;
  why: string | undefined;
  messages: readonly Waiting[] | undefined;
  children: (message: Waiting) => ComponentChildren;
}) {
  const { messages } = props;
  return (
    <div class="card wide">
      <h2>{props.title}</h2>
      {messages === undefined ? (
        <Loading why={props.why} />
      ) : messages.length === 0 ? (
        <p class="muted">{t('Empty')}</p>
      ) : (
        <ul class="names">
          {messages.map((message) => (
            <li key={message.id}>
              <div>
                <code>{message.id}</code> {message.from || '<>'} <small>{message.about}</small>
              </div>
              {props.children(message)}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

function Actions(props: { queue: 'hub' | 'relay'; id: string; names: readonly string[]; reload: () => void }) {
  const act = async (action: string): Promise<void> => {
    try {
      await ask('POST', path('operation', 'queues', props.queue, props.id, action));
      tell(t('Done'));
      props.reload();
    } catch (error) {
      tell(sentenceOf(error), true);
    }
  };
  return (
    <span class="actions">
      {props.names.map((name) => (
        <button key={name} type="button" aria-label={`${t(name)} ${props.id}`} onClick={() => act(name)}>
          {t(name)}
        </button>
      ))}
    </span>
  );
}
