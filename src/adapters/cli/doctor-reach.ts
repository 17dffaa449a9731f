// What it means that somebody answered, or did not: the broker at its issuer's URL, a bucket, a cloud. A network that fails is a fault only
// where the broker runs; elsewhere it may be this machine's. The clocks of those who answer are compared with ours.

import { LEEWAY_SECONDS } from '../../core/limits.ts';
import type { OutboundAnswer } from '../../core/outside.ts';
import { decodeUtf8 } from '../../parsing/json.ts';
import { about, type Finding } from './doctor-report.ts';

/** One question, and how it was answered. */
export interface Fetched {
  readonly url: string;
  readonly elapsedMs: number;
  readonly answer: OutboundAnswer;
}

export interface Reach {
  readonly area: string;
  /** The broker runs here. */
  readonly here: boolean;
  /** What to do about a certificate, about a network that fails, about another answer than was asked for. */
  readonly mend: { readonly tls: string; readonly network: string; readonly answer: string };
}

/** The text that was given; or what stood in the way. */
export function textOf(
  { url, answer }: Fetched,
  { area, here, mend }: Reach,
): { readonly text: string } | { readonly problem: Finding } {
  const { fail, unknown } = about(area);
  if (answer.ok) {
    const text = answer.refused ? undefined : decodeUtf8(answer.body);
    return text === undefined ? { problem: fail(`${url} gives no document`, mend.answer) } : { text };
  }
  const { problem, detail } = answer;
  const says = `${url}: ${problem} (${detail})`;
  switch (problem) {
    case 'tls':
      return { problem: fail(says, mend.tls) };
    case 'network':
    case 'timeout':
    case 'address':
      return { problem: here ? fail(says, mend.network) : unknown(says, mend.network) };
    case 'url':
    case 'redirect':
    case 'status':
    case 'encoding':
    case 'too_large':
      return { problem: fail(says, mend.answer) };
  }
}

/** Whether somebody answered at all, whatever was said. */
export function reached(fetched: Fetched, reach: Reach): Finding {
  const { answer, url } = fetched;
  // Neither an answer of another kind nor a refusal is a fault here: the question was none.
  const answered = answer.ok || ['redirect', 'status', 'encoding', 'too_large'].includes(answer.problem);
  const read = answered ? undefined : textOf(fetched, reach);
  return read && 'problem' in read ? read.problem : about(reach.area).ok(`${url} answers`);
}

/** Its clock, beside ours. Dates are whole seconds. */
export function clockFinding(who: string, theirs: number | undefined, nowSeconds: number): readonly Finding[] {
  const { ok, fail } = about('clock');
  if (theirs === undefined) return [];
  const ahead = Math.round(theirs - nowSeconds);
  if (Math.abs(ahead) <= LEEWAY_SECONDS + 1) return [ok(`${who} and this machine agree on the time`)];
  const how = `${Math.abs(ahead)} s ${ahead > 0 ? 'ahead of' : 'behind'}`;
  return [
    fail(
      `${who} is ${how} this machine; more than ${LEEWAY_SECONDS} s make fresh tokens expired, or not yet valid`,
      'synchronise both clocks (NTP)',
    ),
  ];
}
