/** Where people are told: a chat's incoming webhook, and the URL of a dead man's switch. No receiver of business data. */
import { z } from "zod";

export const ALERT_PATH = "/people/alerts";
export const HEARTBEAT_PATH = "/people/heartbeat";

const slackMessage = z.strictObject({ text: z.string().min(1) });

/** What reached people, oldest first. */
export interface People {
  alerts: readonly string[];
  heartbeats: readonly Date[];
}

export function openPeople() {
  const alerts: string[] = [];
  const heartbeats: Date[] = [];
  return {
    alerts,
    heartbeats,
    reset: () => {
      alerts.length = 0;
      heartbeats.length = 0;
    },
    /** The answer's status; null: not for people. */
    take: (method: string, path: string, text: string): number | null => {
      if (path === HEARTBEAT_PATH && method === "GET") {
        heartbeats.push(new Date());
        return 200;
      }
      if (path !== ALERT_PATH || method !== "POST") return null;
      try {
        alerts.push(slackMessage.parse(JSON.parse(text)).text);
        return 200;
      } catch {
        return 400;
      }
    },
  };
}
