/** Rows as an application writes them; every value is made up. */
import type { Row } from "./harness.ts";

export const LEAD: Row = {
  email: "lea@example.test",
  phone: "+33 6 12 34 56 78",
  firstname: "Léa",
  lastname: "Roux",
};
export const CUSTOMER: Row = {
  email: "client@example.test",
  phone: "04 72 00 11 22",
  full_name: "Aïcha Durand",
  client_type: "particulier",
};
export const REQUEST: Row = {
  type_raccordement: "definitif",
  city: "Lyon",
  power_kva: "12.50",
  status: "submitted",
};
export const ORDER: Row = {
  order_number: "CMD-000123",
  client_name: "Hélène Faure",
  product_name: "Coffret 36 kVA",
  quantity: 2,
  unit_price: "19.90",
  total_amount: "39.80",
};
