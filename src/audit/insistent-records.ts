// Records of incidents that cannot be written yet: kept, and tried again until they are. The trail itself counts what it lost meanwhile;
// this is so that who commanded what, and why, is on it too.

import type { IncidentRecord, IncidentRecords } from '../core/incidents.ts';
import { INCIDENT_RECORD_RETRY_MS, INCIDENT_RECORDS_WAITING_MAX } from '../core/limits-delegation.ts';

export interface InsistentRecords extends IncidentRecords {
  /** Gives up what waits. */
  close(): void;
}

/** `write` rejects where a record cannot be written now; `onLost` is told of one that will never be. */
export function createInsistentRecords(parts: {
  readonly write: (record: IncidentRecord) => Promise<void>;
  readonly onLost: (record: IncidentRecord, error: unknown) => void;
}): InsistentRecords {
  const { write, onLost } = parts;
  const waiting: IncidentRecord[] = [];
  let timer: NodeJS.Timeout | undefined;

  const again = async (): Promise<void> => {
    for (let [next] = waiting; next && timer; [next] = waiting) {
      try {
        await write(next);
      } catch {
        break;
      }
      waiting.shift();
    }
    if (waiting.length > 0) timer?.refresh();
    else timer = undefined;
  };

  return Object.freeze({
    write,
    async insist(record: IncidentRecord) {
      try {
        await write(record);
        return true;
      } catch (error) {
        if (waiting.length < INCIDENT_RECORDS_WAITING_MAX) waiting.push(record);
        else onLost(record, error);
        timer ??= setTimeout(() => void again(), INCIDENT_RECORD_RETRY_MS).unref();
        return false;
      }
    },
    close() {
      clearTimeout(timer);
      timer = undefined;
      for (const record of waiting.splice(0)) onLost(record, new Error('the broker has stopped'));
    },
  });
}
