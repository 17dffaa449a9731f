// Texts as AWS writes them: ARNs, and the times of signed requests. For whoever makes an answer in the form of AWS, and for whoever reads what its
// clients sent. Judges no ARN: its parts are taken where they stand.

/** Of `arn:<partition>:<service>:<region>:<account>:...`. */
export const accountOf = (arn: string): string => arn.split(':')[4] ?? '';

const DATE = /^([0-9]{4})([0-9]{2})([0-9]{2})T([0-9]{2})([0-9]{2})([0-9]{2})Z$/;

/** Seconds since the epoch of `20261121T230000Z`; undefined for what is no moment in the calendar. */
export function awsDateSeconds(text: string): number | undefined {
  const [, ...parts] = DATE.exec(text) ?? [];
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts.map(Number);
  const date = new Date(Date.UTC(year, month - 1, day, hour, minute, second));
  return date.toISOString().replace(/[-:]|\.000/g, '') === text ? date.getTime() / 1_000 : undefined;
}
