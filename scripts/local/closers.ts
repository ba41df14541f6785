/** What has been started, and how it ends. */
export interface Closers {
  add(name: string, close: () => Promise<unknown> | unknown): void;
  /** Ends everything, the last started first; goes on past what fails and names it in the error. Repeatable. */
  closeAll(): Promise<void>;
}

export function openClosers(): Closers {
  const open: { name: string; close: () => Promise<unknown> | unknown }[] = [];
  let closing: Promise<void> | undefined;

  async function closeAll(): Promise<void> {
    const failures: string[] = [];
    for (let next = open.pop(); next; next = open.pop()) {
      try {
        await next.close();
      } catch (error) {
        failures.push(`${next.name}: ${(error as Error).message}`);
      }
    }
    if (failures.length > 0)
      throw new Error(`not everything could be stopped: ${failures.join("; ")}`);
  }

  return {
    add: (name, close) => open.push({ name, close }),
    closeAll: () => {
      closing ??= closeAll();
      return closing;
    },
  };
}
