import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { t } from '../i18n/i18n.ts';
import { nameOf } from '../state/actions.ts';
import { currentList, currentMailbox, focused, neighbour, openEmail } from '../state/current-list.ts';
import type { MessageList } from '../state/message-list.ts';
import { preferences } from '../state/preferences.ts';
import { mailRoute } from '../state/route.ts';
import { view } from '../state/sync.ts';
import { EmptyState } from './button.tsx';
import { MessageRow } from './message-row.tsx';

/** Rows above and below the ones that are seen. */
const OVERSCAN = 8;
const ROW_HEIGHTS = { comfortable: 76, compact: 54 } as const;

interface Range {
  readonly first: number;
  readonly last: number;
}

/** The list: of however many messages, the rows that are in view and a few around them are in the page. */
export function MessageListView() {
  const list = currentList.value;
  const name = currentMailbox.value === undefined ? t('search.results') : nameOf(currentMailbox.value);
  if (list === undefined) return <Waiting />;
  const { value: total } = list.total;
  if (list.failed.value !== undefined && total === undefined) {
    return (
      <EmptyState icon="mail" title={t('list.failed', { why: list.failed.value })}>
        <button type="button" class="button" onClick={() => void list.refresh(undefined)}>
          {t('app.retry')}
        </button>
      </EmptyState>
    );
  }
  return (
    <>
      <Rows key={String(list.query.filter && JSON.stringify(list.query))} list={list} name={name} />
      {total === undefined && <Waiting />}
      {total === 0 && <EmptyList />}
    </>
  );
}

function EmptyList() {
  const role = currentMailbox.value?.role;
  const searching = (mailRoute.value?.query ?? '') !== '';
  return (
    <div class="list-empty">
      <EmptyState icon={searching ? 'search' : role === 'inbox' ? 'check' : 'folder'} title={t('list.empty')}>
        <p>{searching ? t('list.emptySearch') : role === 'inbox' ? t('list.emptyInbox') : ''}</p>
      </EmptyState>
    </div>
  );
}

function Waiting() {
  return (
    <div class="list-waiting" role="status">
      <span class="visually-hidden">{t('app.loading')}</span>
      {Array.from({ length: 9 }, (_, n) => (
        <div key={n} class="row-waiting-bars" />
      ))}
    </div>
  );
}

function Rows({ list, name }: { readonly list: MessageList; readonly name: string }) {
  const box = useRef<HTMLDivElement>(null);
  const height = ROW_HEIGHTS[preferences.value.density];
  const [range, setRange] = useState<Range>({ first: 0, last: 20 });
  const total = list.total.value ?? 0;
  // Read, so that the rows are drawn anew when ids have come.
  list.version.value;

  const measure = (): void => {
    const element = box.current;
    if (element === null) return;
    const first = Math.floor(element.scrollTop / height);
    const last = Math.ceil((element.scrollTop + element.clientHeight) / height);
    view.anchor = element.scrollTop < height ? undefined : list.idAt(first);
    setRange((before) => (before.first === first && before.last === last ? before : { first, last }));
  };
  useEffect(() => {
    measure();
    const observer = new ResizeObserver(measure);
    if (box.current !== null) observer.observe(box.current);
    view.moved = (rows) => box.current?.scrollBy(0, rows * height);
    return () => observer.disconnect();
  }, [list, height]);
  useEffect(() => {
    list.ensure(range.first - OVERSCAN, range.last + OVERSCAN);
  }, [list, range, total, list.version.value]);

  const first = Math.max(0, range.first - OVERSCAN);
  const last = Math.min(total, range.last + OVERSCAN);
  return (
    <div
      ref={box}
      role="grid"
      class="list"
      aria-label={t('list.label', { name })}
      aria-rowcount={total}
      aria-multiselectable="true"
      onScroll={measure}
      onKeyDown={onKeyDown}
    >
      <div role="rowgroup" class="list-length" style={{ height: `${total * height}px` }}>
        {Array.from({ length: Math.max(0, last - first) }, (_, n) => {
          const row = first + n;
          return <MessageRow key={list.idAt(row) ?? `row-${row}`} id={list.idAt(row)} row={row} height={height} />;
        })}
      </div>
      <FollowFocus list={list} box={box} height={height} />
    </div>
  );
}

/** Keeps the row of the keyboard in view, and the focus on it while it is in the list. */
function FollowFocus(props: {
  readonly list: MessageList;
  readonly box: { readonly current: HTMLDivElement | null };
  readonly height: number;
}) {
  const { list, box, height } = props;
  const id = focused.value;
  useLayoutEffect(() => {
    const element = box.current;
    const row = id === undefined ? -1 : list.indexOf(id);
    if (element === null || row < 0) return;
    const top = row * height;
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top + height > element.scrollTop + element.clientHeight)
      element.scrollTop = top + height - element.clientHeight;
    if (element.contains(document.activeElement)) {
      element.querySelector<HTMLElement>(`[data-email="${CSS.escape(id ?? '')}"]`)?.focus({ preventScroll: true });
    }
  }, [id]);
  return null;
}

function onKeyDown(event: KeyboardEvent): void {
  const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8, End: 1e9, Home: -1e9 }[event.key];
  if (step !== undefined) {
    event.preventDefault();
    focused.value = neighbour(step) ?? focused.peek();
  } else if (event.key === 'Enter' && (event.target as HTMLElement).getAttribute('role') === 'row') {
    event.preventDefault();
    openEmail(focused.peek());
  }
}
