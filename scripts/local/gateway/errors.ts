/** Errors in PostgREST's shape and with its statuses. */

export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly details: string | null;
  readonly hint: string | null;

  constructor(
    status: number,
    code: string,
    message: string,
    more: { details?: string | null | undefined; hint?: string | null | undefined } = {},
  ) {
    super(message);
    this.status = status;
    this.code = code;
    this.details = more.details ?? null;
    this.hint = more.hint ?? null;
  }

  toJSON() {
    return { code: this.code, details: this.details, hint: this.hint, message: this.message };
  }
}

/** https://docs.postgrest.org/en/stable/references/errors.html; the longest prefix that fits counts. */
const STATUS_OF_SQLSTATE: Record<string, number> = {
  "08": 503,
  "09": 500,
  "0L": 403,
  "0P": 403,
  "23503": 409,
  "23505": 409,
  "25006": 405,
  "25": 500,
  "28": 403,
  "2D": 500,
  "38": 500,
  "39": 500,
  "3B": 500,
  "40": 500,
  "42883": 404,
  "42P01": 404,
  "42P17": 500,
  "53": 503,
  "54": 500,
  "55": 500,
  "57": 500,
  "58": 500,
  P0001: 400,
  P0: 500,
  XX: 500,
};

/** Turns an error of the database into an answer; anything else is a mistake of ours and stays one. */
export function toApiError(error: unknown, role: string): ApiError {
  if (error instanceof ApiError) return error;
  if (!isDatabaseError(error)) return new ApiError(500, "PGRSTX00", String(error));
  const { code, message, detail, hint } = error;
  return new ApiError(statusOf(code, role), code, message, { details: detail, hint });
}

function statusOf(sqlState: string, role: string): number {
  if (sqlState === "42501") return role === "anon" ? 401 : 403;
  const asked = /^PT(\d{3})$/.exec(sqlState)?.[1];
  if (asked) return Number(asked);
  return STATUS_OF_SQLSTATE[sqlState] ?? STATUS_OF_SQLSTATE[sqlState.slice(0, 2)] ?? 400;
}

interface DatabaseError extends Error {
  code: string;
  detail?: string;
  hint?: string;
}

function isDatabaseError(error: unknown): error is DatabaseError {
  return error instanceof Error && "code" in error && /^[0-9A-Z]{5}$/.test(String(error.code));
}
