// Sends attacks to a running broker and says in one line how each ended: `400 invalid_request signature_invalid` is the status, the
// OAuth error and the reason in the one record that the attack left. Whatever every refusal must look like is checked here.

import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect } from 'vitest';
import { UNPROVED_RECORDS_PER_SECOND } from '../../src/core/limits.ts';
import { type Answer, startTestBroker, type TestBroker, type TestBrokerOptions } from './broker.ts';

type Form = Readonly<Record<string, string | readonly string[] | undefined>>;

export interface Attack {
  /** A token exchange with this subject token. */
  exchange(token: string, more?: Form): Promise<string>;
  /** Any answer of the token endpoint. */
  judged(answer: Promise<Answer>, secrets?: readonly string[]): Promise<string>;
}

/** Texts this long and longer are never repeated to a caller; shorter ones are words of the protocol. */
const ECHO_CHARACTERS_MIN = 16;

export function createAttack(broker: TestBroker): Attack {
  const paced = createPace();

  const judged: Attack['judged'] = async (sent, secrets = []) => {
    await paced();
    const answer = await sent;
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(answer.headers['content-type']).toBe('application/json');
    if (answer.status === 200) {
      expect(Object.keys(answer.body)).toEqual(
        expect.arrayContaining(['access_token', 'issued_token_type', 'token_type', 'expires_in']),
      );
      return '200';
    }
    expect(Object.keys(answer.body)).toEqual(['error', 'error_description']);
    const description = String(answer.body.error_description);
    // RFC 6749 §5.2; and no trace of a stack or of what was sent.
    expect(description).toMatch(/^[\x20\x21\x23-\x5b\x5d-\x7e]{1,600}$/);
    expect(description).not.toMatch(/\bat .*:\d+:\d+|Error:|node:|\.ts:|\bjose\b/);
    for (const secret of secrets) expect(answer.text).not.toContain(secret);
    const decision = description.slice(-26);
    const records = broker.records().filter((record) => record.decision === decision);
    expect(records, `one record of ${decision}`).toHaveLength(1);
    expect(records[0]).toMatchObject({ event: 'exchange', outcome: 'refused' });
    return `${answer.status} ${answer.body.error} ${records[0]?.reason}`;
  };

  return Object.freeze({
    judged,
    exchange: (token: string, more: Form = {}) =>
      judged(
        broker.exchange(token, more),
        token.split('.').filter((part) => part.length >= ECHO_CHARACTERS_MIN),
      ),
  });
}

/** How every refused credential ends, for whatever reason (docs/errors.md). */
export const refused = (reason: string): string => `400 invalid_request ${reason}`;

/** Waits where the next refusal could be coalesced with others: then it would have no record of its own to look at. */
export function createPace(): () => Promise<void> {
  const sent: number[] = [];
  return async () => {
    const oldest = sent.at(1 - UNPROVED_RECORDS_PER_SECOND);
    const waitMs = oldest === undefined ? 0 : oldest + 1_100 - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    sent.push(performance.now());
    if (sent.length > UNPROVED_RECORDS_PER_SECOND) sent.shift();
  };
}

/** What a broker says about a configuration that it does not start on; empty where it starts. */
export async function startProblems(options: TestBrokerOptions): Promise<string> {
  try {
    const broker = await startTestBroker(options);
    await broker.stop();
    return '';
  } catch (error) {
    return String(error);
  }
}

/** A listener that nobody should connect to: its address, and how often somebody did. */
export async function openTrap(): Promise<{ url: string; connections: () => number; close: () => void }> {
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    socket.destroy();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  return { url: `https://127.0.0.1:${port}`, connections: () => connections, close: () => server.close() };
}
