//! What goes over the wire. Request types refuse unknown fields; reply types name each field.
