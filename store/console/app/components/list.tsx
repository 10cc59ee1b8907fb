import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import type { Domain, Page } from '../api.ts';
import { t } from '../i18n.ts';
import { Loading, useLoaded } from './loaded.tsx';

const SIZE = 50;

/** A list that is searched and paged by the server; `row` renders one entry as cells. */
export function List<T>(props: {
  resource: 'accounts' | 'aliases' | 'domains';
  title: string;
  columns: readonly string[];
  row: (item: T) => ComponentChildren;
  keyOf: (item: T) => string;
  actions?: ComponentChildren;
  /** Read again when it changes. */
  turn?: number;
  selection?: { chosen: ReadonlySet<string>; toggle: (key: string) => void; actions: ComponentChildren };
}) {
  const [search, setSearch] = useState('');
  const [domain, setDomain] = useState('');
  const [cursor, setCursor] = useState<string>();
  const query = new URLSearchParams({ size: String(SIZE), search, turn: String(props.turn ?? 0) });
  query.delete('turn');
  if (domain !== '') query.set('domain', domain);
  if (cursor !== undefined) query.set('cursor', cursor);
  const { value, why } = useLoaded<Page<T>>(
    `/api/${props.resource}?${query}${(props.turn ?? 0) > 0 ? `&turn=${props.turn}` : ''}`,
  );
  const begin = (act: () => void): void => {
    setCursor(undefined);
    act();
  };
  return (
    <section aria-labelledby="list-title">
      <header class="page-head">
        <h1 id="list-title">{props.title}</h1>
        <div class="actions">{props.actions}</div>
      </header>
      <search class="filters">
        <input
          type="search"
          aria-label={t('Search')}
          placeholder={t('Search addresses and names')}
          value={search}
          onInput={(event) => begin(() => setSearch(event.currentTarget.value))}
        />
        {props.resource !== 'domains' && (
          <DomainFilter value={domain} onChange={(next) => begin(() => setDomain(next))} />
        )}
      </search>
      {props.selection !== undefined && props.selection.chosen.size > 0 && (
        <div class="selection" role="status">
          <span>{t('{count} selected', { count: props.selection.chosen.size })}</span>
          {props.selection.actions}
        </div>
      )}
      {value === undefined ? (
        <Loading why={why} />
      ) : value.items.length === 0 ? (
        <p class="empty">{t('Nothing found')}</p>
      ) : (
        <table>
          <thead>
            <tr>
              {props.selection !== undefined && (
                <th class="pick" scope="col">
                  <span class="hidden">{t('Select')}</span>
                </th>
              )}
              {props.columns.map((column) => (
                <th key={column} scope="col">
                  {column}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {value.items.map((item) => {
              const key = props.keyOf(item);
              return (
                <tr key={key}>
                  {props.selection !== undefined && (
                    <td class="pick">
                      <input
                        type="checkbox"
                        aria-label={t('Select {name}', { name: key })}
                        checked={props.selection.chosen.has(key)}
                        onChange={() => props.selection?.toggle(key)}
                      />
                    </td>
                  )}
                  {props.row(item)}
                </tr>
              );
            })}
          </tbody>
        </table>
      )}
      <nav class="pager" aria-label={t('Pages')}>
        {cursor !== undefined && (
          <button type="button" onClick={() => setCursor(undefined)}>
            {t('First page')}
          </button>
        )}
        {value?.nextCursor !== undefined && (
          <button type="button" onClick={() => setCursor(value.nextCursor)}>
            {t('Next page')}
          </button>
        )}
      </nav>
    </section>
  );
}

/** The domains that one may see; with more than one page of them their name is typed. */
function DomainFilter(props: { value: string; onChange: (domain: string) => void }) {
  const { value } = useLoaded<Page<Domain>>('/api/domains?size=200');
  if ((value?.items.length ?? 0) < 2) return null;
  return (
    <select
      aria-label={t('Domain')}
      value={props.value}
      onChange={(event) => props.onChange(event.currentTarget.value)}
    >
      <option value="">{t('All domains')}</option>
      {value?.items.map(({ name }) => (
        <option key={name} value={name}>
          {name}
        </option>
      ))}
    </select>
  );
}
