// The part of the demo about services behind each other: each exchanges the token that it was called with for the next, and the last token
// names everybody in order. One query finds them all, and one command ends them all.

import { decodeJwt, type JSONWebKeySet } from 'jose';
import type { DemoBroker } from './broker.ts';
import { equal, granted, refused, verified } from './expected.ts';
import { namesOf } from './names.ts';
import { agentSvid, BOOKS, logIn, openParty, type Party, REPORTS } from './parties.ts';
import { begin, command, say, show } from './say.ts';

const LEDGER = 'https://api.example/ledger';
const EVERYBODY = 'people:bob <- agents/assistant <- books/mcp <- reports/api';

interface Hop {
  readonly service: string;
  readonly token: string;
  /** Who may ask about the token. */
  readonly introspector: Party;
}

/** Shows a chain from its first token to its end. */
export async function showThreeHops(broker: DemoBroker, keys: JSONWebKeySet): Promise<void> {
  const gateway = await openParty(broker, 'mcp-gateway');
  const books = await openParty(broker, 'books');
  const reports = await openParty(broker, 'reports');
  const ledger = await openParty(broker, 'ledger');
  try {
    const [subject, actor] = [await logIn(broker, { sub: 'bob' }), await agentSvid(broker)];
    const first = granted(await gateway.exchange({ subject, actor, resource: BOOKS }));
    const second = granted(await books.exchange({ subject: first, resource: REPORTS }));
    const third = granted(await reports.exchange({ subject: second, resource: LEDGER }));
    const hops: readonly Hop[] = [
      { service: 'books', token: first, introspector: books },
      { service: 'reports', token: second, introspector: reports },
      { service: 'ledger', token: third, introspector: ledger },
    ];
    await showChain(hops, broker, keys);
    showRecords(broker);
    await showRevocation(hops, broker, { books, reports });
  } finally {
    for (const party of [gateway, books, reports, ledger]) party.close();
  }
}

async function showChain(hops: readonly Hop[], broker: DemoBroker, keys: JSONWebKeySet): Promise<void> {
  begin(
    'An agent for bob, the MCP server, a service behind it, the ledger',
    'Each exchanges the token that it was called with, as itself. Nobody is dropped, and nobody can drop anybody.',
  );
  say('  the token for');
  for (const { service, token } of hops) show(service, namesOf(await verified(token, broker.issuer, keys)));
  const last = await verified(String(hops.at(-1)?.token), broker.issuer, keys);
  equal(namesOf(last), EVERYBODY);
  say('  the last one, for the ledger: whoever acts now stands outermost, whoever began innermost');
  for (const claim of ['sub', 'act', 'client_id', 'scope', 'origin', 'lineage']) show(claim, last[claim]);
}

function showRecords(broker: DemoBroker): void {
  begin('Who did what for bob?', 'Every hop is one record; the last of them, and one query over all.');
  const found = command(broker, 'audit', 'query', '--subject', 'people:bob').split('\n');
  equal(found.length, 3);
  const record = broker.run('audit', 'query', '--subject', 'people:bob', '--target', 'ledger', '--json');
  const { actors, client, rule, target, origin, lineage } = JSON.parse(record);
  say('  of the record of the last hop (--target ledger --json)');
  for (const [name, value] of Object.entries({ actors, client: client.id, rule, target, origin, lineage }))
    show(name, value);
  equal(actors.length, 3);
}

async function showRevocation(
  hops: readonly Hop[],
  broker: DemoBroker,
  { books, reports }: { readonly books: Party; readonly reports: Party },
): Promise<void> {
  begin(
    'The first token was stolen',
    'One command ends it and everything that was made of it, at whichever hop it is.',
  );
  const state = async () => {
    const answers = hops.map(async ({ introspector, token }) => (await introspector.introspect(token)).body.active);
    return (await Promise.all(answers)).map((active) => (active ? 'active' : 'inactive'));
  };
  const [first = '', second = ''] = hops.map(({ token }) => token);
  equal((await state()).join(), 'active,active,active');
  command(broker, 'revoke', 'chain', String(decodeJwt(first).jti), '--why', 'stolen');
  say('  and POST /introspect says at once, to each service about its own token');
  const after = await state();
  for (const [index, { service }] of hops.entries()) show(service, after[index]);
  equal(after.join(), 'inactive,inactive,inactive');
  refused(await books.exchange({ subject: first, resource: REPORTS }), 'invalid_request');
  refused(await reports.exchange({ subject: second, resource: LEDGER }), 'invalid_request');
  say('  nothing more is exchanged for any of them');
}
