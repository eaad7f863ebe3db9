import java.util.Collections;
import java.util.Map;

/** One line of what {@link Members} is told; README.md has its fields. */
final class Order {
    private final Map<?, ?> fields;

    Order(Map<?, ?> fields) {
        this.fields = fields;
    }

    String text(String field) {
        Object value = fields.get(field);
        if (value == null) {
            throw new Program.UsageException("an order has no " + field);
        }
        return (String) value;
    }

    int number(String field) {
        Object value = fields.get(field);
        return value == null ? 0 : (Integer) value;
    }

    boolean has(String field) {
        return fields.containsKey(field);
    }

    long milliseconds(String field) {
        return ((Number) fields.get(field)).longValue();
    }

    boolean flag(String field) {
        return Boolean.TRUE.equals(fields.get(field));
    }

    Map<?, ?> settings() {
        Object settings = fields.get("settings");
        return settings == null ? Collections.emptyMap() : (Map<?, ?>) settings;
    }
}
