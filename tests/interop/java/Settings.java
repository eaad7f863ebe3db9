import java.lang.reflect.Method;
import java.util.Map;

/** Sets what a client has setters for, by name, because a setting may be unknown to one of the versions. */
final class Settings {
    private Settings() {
    }

    static void set(Object client, Map<?, ?> settings) throws Exception {
        for (Map.Entry<?, ?> setting : settings.entrySet()) {
            set(client, (String) setting.getKey(), setting.getValue());
        }
    }

    private static void set(Object client, String name, Object value) throws Exception {
        String setter = "set" + Character.toUpperCase(name.charAt(0)) + name.substring(1);
        for (Method method : client.getClass().getMethods()) {
            if (method.getName().equals(setter) && method.getParameterCount() == 1) {
                method.invoke(client, converted(value, method.getParameterTypes()[0]));
                return;
            }
        }
        throw new Program.UsageException("no setting " + name);
    }

    /** An enumeration's class is not in the same package in all versions. */
    private static Object converted(Object value, Class<?> type) {
        if (!type.isEnum()) {
            return value;
        }
        for (Object constant : type.getEnumConstants()) {
            if (((Enum<?>) constant).name().equals(value)) {
                return constant;
            }
        }
        throw new Program.UsageException("no " + type.getSimpleName() + " " + value);
    }
}
